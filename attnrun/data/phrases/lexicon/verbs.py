# ruff: noqa: E501  (tables read better wide)
"""Verbs of people: English principal parts, French infinitive, and the complements that make sense.

A line reads `english|french|flags|frames`. `:for` is an English particle (`_` for a space), `+on` one that a pronoun precedes;
French words after the infinitive carry tags. Flags: `s` a state, `m` momentary (never in a progressive
tense), `o` out of one's control (no habit, no order, no wish), `w` something one decides to do, `l` done on a scale of
months, `d` done once a day.
Frames are separated by `;`, the slots of one frame by `,`; slots are read by `complements.slot`.
"""

from functools import cache

from attnrun.data.phrases.clause import Verb
from attnrun.data.phrases.english_verbs import forms

_ETRE = frozenset(
    [
        "aller",
        "venir",
        "revenir",
        "arriver",
        "partir",
        "sortir",
        "rentrer",
        "rester",
        "tomber",
        "entrer",
        "monter",
        "devenir",
        "retourner",
    ]
)

_TABLE = """
eat ate eaten|manger|w|some.fruit+dish;a.fruit;some.dish,in.cosy room
drink drank drunk|boire|w|some.drink;some.drink,in.cosy room
buy bought|acheter|w|a.clothes+carried;some.fruit+dish;some.pair;some.fruit+dish,at.shop;a.vehicle+furniture+device
sell sold|vendre|mwl|my.vehicle+home;some.clothes+fruit
look :for|chercher||my.carried+pair+clothes;def.workplace;a.workplace;my.pet
find found|trouver|mo|my.carried+pair;the.answer;my.pet
lose lost|perdre|mo|my.carried+pair
forget forgot forgotten|oublier|mo|my.carried
wear wore worn|porter||a.clothes;some.pair;my.clothes
put put put +on|mettre|mw|my.clothes+pair
take took taken +off|enlever|mw|my.clothes+pair
wash|laver|w|the.vehicle+dishes;my.clothes
clean|nettoyer|w|def.room;my.pair
read read read|lire|w|the.reading;a.reading;some.reading,in.cosy room
write wrote written|écrire|w|a.mail+literature;some.mail+literature
open|ouvrir|mw|def.openable
close|fermer|mw|def.openable
watch|regarder|w|the.screen;a.screen;the.screen,at.home
listen :to|écouter||the.music;the.people;my.kin+elder
see saw seen|voir|mo|person;the.animal;a.animal,in.land;the.stage
wait :for|attendre||person;def.transport
help|aider|w|person
invite|inviter|wm|person
call|appeler|wm|person
meet met met|rencontrer|mo|person,at.place;person
visit|visiter|wl|def.museum+castle+church+zoo+university+exhibition+farm;city
learn learned|apprendre|wl|gen.language;the.lesson+word+rule
study|étudier|wl|gen.subject;gen.language
speak spoke spoken|parler||language
play|jouer à/ADP|w|gen.sport
play|jouer de/ADP|w|def.instrument
work|travailler|w|at.workplace;in.cosy room;in.city
sleep slept|dormir|w|in.bed;on.sofa
swim swam swum|nager|w|in.water
run ran run|courir|w|in.park
walk|marcher|w|in.park
dance|danser|w|with.person;in.cosy room
sing sang sung|chanter|w|a.song;with.person
cry|pleurer|o|in.cosy room;
laugh|rire|o|with.person
smile|sourire|o|
travel|voyager|wl|with.person;in.country;by.plane+train
cook|cuisiner|w|with.person
go went gone|aller|wm|to.place
go went gone|aller|wml|to.city;to.country
come came come :back|revenir|m|from.place;from.country
stay|rester|wm|at.home;in.cosy room;at.hotel
go went gone :out|sortir|wm|with.person
go went gone :home|rentrer|wm|with.person;by.transport
get got :up|se lever|wmd|at.hour
wake woke woken :up|se réveiller|md|at.hour
go went gone :to_bed|se coucher|wmd|at.hour
rest|se reposer|w|in.cosy room
hurry|se dépêcher|mo|
have had :fun|se amuser|o|with.person
get got :dressed|se habiller|md|in.bed
take took taken|prendre|wm|def.transport
drive drove driven|conduire|w|a.motor;the.motor
repair|réparer|w|def.vehicle+device+roof;my.vehicle
give gave given|donner|wm|the.present+carried,to.person;some.present,to.person
show showed shown|montrer|wm|the.picture+present,to.person;my.picture,to.person
send sent|envoyer|wm|a.mail,to.person;some.mail,to.person
lend lent|prêter|wm|my.carried+vehicle,to.person
bring brought|apporter|wm|some.present+dish,to.person
explain|expliquer|wm|the.thought,to.person
speak spoke spoken :to|parler à/ADP|w|person
tell told|raconter|wm|tale,to.person
answer|répondre à/ADP|wm|the.question
need|avoir besoin/NOUN de/ADP|s|need.carried+clothes+device
have had|avoir|s|a.carried+vehicle+pet;count.kin+pet+farm animal;a.home
know knew known|connaître|s|person;def.museum+castle+restaurant+hotel;city
like|aimer|s|gen.fruit+dish+drink;gen.animal;gen.sport+subject
love|adorer|s|gen.fruit+dish+drink;gen.animal;gen.sport+subject
hate|détester|s|gen.fruit+dish+drink;gen.animal;gen.sport+subject
prefer|préférer|s|gen.fruit+dish+drink;gen.sport+subject
want|vouloir|s|some.fruit+dish+drink;a.present+pet
understand understood|comprendre|mo|the.thought
finish|finir|wm|my.meal;the.printed+literature
choose chose chosen|choisir|wm|a.clothes+present;def.dish
build built|construire|wl|a.home+tower+wall;a.furniture
break broke broken|casser|mo|the.dishes;my.device;a.dishes
cut cut cut|couper|wm|def.bread+cheese+meat+ham;some.apple+pear+lemon+tomato+onion+carrot
paint|peindre|w|def.wall+furniture+openable;a.portrait
draw drew drawn|dessiner|w|a.animal;some.animal;def.land
carry|porter|w|the.suitcase+basket+bag;the.furniture
pay paid :for|payer|mw|def.meal+drink
rent|louer|mwl|a.vehicle;a.home
push|pousser|w|def.motor+furniture
pull|tirer|w|def.armchair+desk+table+bed
hide hid hidden|cacher|wm|the.present;some.present,in.room
feed fed|nourrir|w|the.pet+farm animal
thank|remercier|wm|person
follow|suivre||person;the.animal
believe|croire|s|person
make made|préparer|w|gen.meal
have had|prendre|wd|gen.breakfast,with.person;gen.breakfast
have had :lunch|déjeuner|wd|with.person;in.cosy room
have had :dinner|dîner|wd|with.person;in.cosy room
do did done|faire|wd|my.homework
iron|repasser|w|my.shirt+dress+skirt+jacket
photograph|photographier|w|the.animal;def.land
count|compter|w|my.money;the.fruit
look :at|regarder||the.picture+animal;def.land
arrive|arriver|m|at.place
leave left|partir|ml|by.transport+plane
miss|rater|mo|def.transport+plane
try +on|essayer|mw|the.clothes+pair
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
        flags,
        tuple(tuple(slot for slot in frame.split(",") if slot) for frame in frames.split(";")),
    )
