"""Verbs of people: English principal parts, French infinitive, and the complements that make sense.

A line reads `english|french|flags|frames`. `:for` is an English particle (`_` for a space), `+on` one that a pronoun precedes;
French words after the infinitive carry tags. Flags: `s` a state, `m` momentary (simple present in English either way).
Frames are separated by `;`, the slots of one frame by `,`; slots are read by `complements.slot`.
"""

from functools import cache

from attnrun.data.phrases.clause import Verb
from attnrun.data.phrases.english_verbs import forms

_ETRE = frozenset("aller venir revenir arriver partir sortir rentrer rester tomber entrer monter devenir retourner".split())

_TABLE = """
eat ate eaten|manger||some.fruit+dish;a.fruit;some.dish,at.home
drink drank drunk|boire||some.drink;some.drink,in.room
buy bought|acheter||a.clothes+carried;some.fruit+dish;some.pair;a.vehicle+furniture+device;some.dish,at.shop
sell sold|vendre||my.vehicle+house;some.clothes+fruit
look :for|chercher||my.carried+pair+clothes;the.place;a.place;my.kin
find found|trouver|m|my.carried+pair;the.thought
lose lost|perdre|m|my.carried+pair
forget forgot forgotten|oublier|m|my.carried
wear wore worn|porter||a.clothes;some.pair;my.clothes
put put put +on|mettre||my.clothes+pair
take took taken +off|enlever||my.clothes+pair
wash|laver||the.vehicle+dishes;my.clothes
clean|nettoyer||the.room;my.pair
read read read|lire||the.reading;a.reading;some.reading,in.room
write wrote written|écrire||a.reading;some.reading
open|ouvrir||the.openable
close|fermer||the.openable
watch|regarder||the.show;a.show;the.show,at.home
listen :to|écouter||the.music;the.people;my.kin+elder
see saw seen|voir|m|person;the.animal;a.animal,in.land
wait :for|attendre||person;the.transport
help|aider||person
invite|inviter||person
call|appeler||person
meet met met|rencontrer|m|person;person,at.place
visit|visiter||the.place+house;city
learn learned|apprendre||gen.language;the.thought
study|étudier||gen.subject;gen.language
speak spoke spoken|parler||language
play|jouer à/ADP||gen.sport
play|jouer de/ADP||the.instrument
work|travailler||at.place;in.room;in.city
sleep slept|dormir||in.room;on.furniture;
swim swam swum|nager||in.water
run ran run|courir||in.park;
walk|marcher||in.park;
dance|danser||with.person;
sing sang sung|chanter||a.music;with.person
cry|pleurer||in.room;
laugh|rire||with.person;
smile|sourire||
travel|voyager||with.person;in.country
cook|cuisiner||with.person;
go went gone|aller||to.place;to.city;to.country
come came come :back|revenir||from.place;from.country
stay|rester||at.home;at.place;in.room
go went gone :out|sortir||with.person
go went gone :home|rentrer||with.person;by.transport
get got :up|se lever||
wake woke woken :up|se réveiller||
go went gone :to_bed|se coucher||
rest|se reposer||in.room;
hurry|se dépêcher||
have had :fun|se amuser||with.person
get got :dressed|se habiller||in.room
take took taken|prendre||the.transport
drive drove driven|conduire||a.vehicle;the.vehicle
repair|réparer||the.vehicle+device;my.vehicle
give gave given|donner||the.present+carried,to.person;some.present,to.person
show showed shown|montrer||the.picture+present,to.person;my.picture,to.person
send sent|envoyer||a.reading,to.person;some.reading,to.person
lend lent|prêter||my.carried+vehicle,to.person
bring brought|apporter||some.present+dish,to.person
explain|expliquer||the.thought,to.person
speak spoke spoken :to|parler à/ADP||person
tell told|raconter||tale,to.person
answer|répondre à/ADP||the.question
need|avoir besoin/NOUN de/ADP|s|need.carried+clothes+device;need.kin+elder
have had|avoir|s|a.carried+vehicle+animal;count.kin+animal;a.house
know knew known|connaître|s|person;the.place;city
like|aimer|s|gen.fruit+dish+drink;gen.animal;gen.sport+subject
love|adorer|s|gen.fruit+dish+drink;gen.animal;gen.sport+subject
hate|détester|s|gen.fruit+dish+drink;gen.animal;gen.sport+subject
prefer|préférer|s|gen.fruit+dish+drink;gen.sport+subject
want|vouloir|s|some.fruit+dish+drink;a.present+animal
understand understood|comprendre|m|the.thought
finish|finir||my.meal;the.reading
choose chose chosen|choisir||a.clothes+present;the.dish
build built|construire||a.house;a.furniture
break broke broken|casser|m|the.dishes;my.device;a.dishes
cut cut cut|couper||the.dish;some.fruit+dish
paint|peindre||the.house+furniture;a.picture
draw drew drawn|dessiner||a.animal;some.animal;the.land
carry|porter||the.carried+furniture;my.carried
pay paid :for|payer||the.meal+drink
rent|louer||a.vehicle;a.house
push|pousser||the.vehicle+furniture
pull|tirer||the.furniture
hide hid hidden|cacher||the.present;some.present,in.room
feed fed|nourrir||the.animal
thank|remercier||person
follow|suivre||person;the.animal
believe|croire|s|person
make made|préparer||gen.meal
have had|prendre||gen.meal;gen.meal,with.person
do did done|faire||my.homework
iron|repasser||my.clothes
photograph|photographier||the.animal+land
count|compter||my.money;the.fruit
look :at|regarder||the.picture+land+animal
arrive|arriver||at.place
leave left|partir||by.transport
miss|rater|m|the.transport
try +on|essayer||the.clothes+pair
"""


@cache
def verbs() -> tuple[Verb, ...]:
    """Return all verbs in the order of the table."""
    return tuple(read(line) for line in _TABLE.strip().splitlines())


@cache
def verb(english: str, french: str = "") -> Verb:
    """Return the verb with this English base (and particle), and this French infinitive where several share it."""
    base, _, particle = english.partition(" ")
    return next(
        entry
        for entry in verbs()
        if (entry.en.base, entry.particle) == (base, particle) and french in ("", entry.fr)
    )


@cache
def read(line: str) -> Verb:
    """Read one line of the table."""
    english, french, flags, frames = line.split("|")
    separable = "+" in english
    english, _, particle = english.replace("+", ":").partition(":")
    reflexive = french.startswith("se ")
    infinitive, *tail = french.removeprefix("se ").split()
    return Verb(
        forms(english.strip()),
        particle.replace("_", " "),
        separable,
        infinitive,
        reflexive,
        reflexive or infinitive in _ETRE,
        tuple((text, tag) for text, tag in (entry.split("/") for entry in tail)),
        "s" in flags,
        "m" in flags,
        tuple(tuple(slot for slot in frame.split(",") if slot) for frame in frames.split(";")),
    )
