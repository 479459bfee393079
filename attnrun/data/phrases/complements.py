"""What may follow a verb: objects, people, places; each slot has a short name such as `the.openable`."""

from functools import cache

from attnrun.data.phrases.adverbials import at_hour
from attnrun.data.phrases.chunk import Chunk, say, word
from attnrun.data.phrases.clause import Predicate, Scene, Slot, Verb, infinitive
from attnrun.data.phrases.dice import Dice
from attnrun.data.phrases.lexicon.adjectives import Adjective, states, traits
from attnrun.data.phrases.lexicon.names import CITIES, COUNTRIES, NAMES
from attnrun.data.phrases.lexicon.nouns import noun, nouns
from attnrun.data.phrases.nominal import Subject, fitting, noun_phrase, number, owned, phrase

_ADJECTIVES = 0.22  # how often a noun that can be described is
_AT_HOME = "at/ADP home/NOUN = à/ADP la/DET maison/NOUN"
_IN_BEDROOM = "in/ADP/1 the/DET/2 bedroom/NOUN/3 = dans/ADP/1 la/DET/2 chambre/NOUN/3"
_ON_SOFA = (
    "on/ADP/1 the/DET/2 sofa/NOUN/3 = sur/ADP/1 le/DET/2 canapé/NOUN/3",
    "in/ADP/1 the/DET/2 garden/NOUN/3 = dans/ADP/1 le/DET/2 jardin/NOUN/3",
    "at/ADP/1 the/DET/2 hotel/NOUN/3 = à/ADP/1 le/DET/2 hôtel/NOUN/3",
    "in/ADP/1 the/DET/2 armchair/NOUN/3 = dans/ADP/1 le/DET/2 fauteuil/NOUN/3",
)
_OUTDOORS = (
    "in/ADP/1 the/DET/2 park/NOUN/3 = dans/ADP/1 le/DET/2 parc/NOUN/3",
    "in/ADP/1 the/DET/2 forest/NOUN/3 = dans/ADP/1 la/DET/2 forêt/NOUN/3",
    "on/ADP/1 the/DET/2 beach/NOUN/3 = sur/ADP/1 la/DET/2 plage/NOUN/3",
    "in/ADP/1 the/DET/2 street/NOUN/3 = dans/ADP/1 la/DET/2 rue/NOUN/3",
    "along/ADP/1 the/DET/2 river/NOUN/3 = le/DET/1 long/NOUN/1 de/ADP/1 la/DET/2 rivière/NOUN/3",
)
_WATER = (
    "in/ADP/1 the/DET/2 lake/NOUN/3 = dans/ADP/1 le/DET/2 lac/NOUN/3",
    "in/ADP/1 the/DET/2 sea/NOUN/3 = dans/ADP/1 la/DET/2 mer/NOUN/3",
    "in/ADP/1 the/DET/2 river/NOUN/3 = dans/ADP/1 la/DET/2 rivière/NOUN/3",
)
_WORN = frozenset(("clothes",))
_MANY = {"the": 0.3, "my": 0.12}  # how often these stand before a plural
_ONE = frozenset(("device", "motor", "ride", "home", "furniture", "clothes", "structure"))
_BARE = frozenset(
    ("transport", "plane", "instrument", "meal", "dish", "fruit", "animal", "sport", "subject", "language")
)
_TALES = (
    "a/DET/1 story/NOUN/2 = une/DET/1 histoire/NOUN/2",
    "a/DET/1 joke/NOUN/2 = une/DET/1 blague/NOUN/2",
    "this/DET/1 story/NOUN/2 = cette/DET/1 histoire/NOUN/2",
    "these/DET/1 jokes/NOUN/2 = ces/DET/1 blagues/NOUN/2",
)
_SHOPS = ("market", "supermarket", "bakery", "station", "airport")
_PLACES = {"at": "à", "to": "à", "from": "de", "in": "dans", "on": "sur", "by": "en", "with": "avec"}
_OBJECTS = frozenset(["the", "def", "a", "some", "my", "gen"])


@cache
def slot(spec: str) -> Slot:
    """Return the complement that `kind.themes` names."""
    kind, _, themes = spec.partition(".")
    if kind in _OBJECTS:
        return _object(kind, themes)
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    if kind == "by":
        return _by(themes)
    return _BY_NAME[spec] if spec in _BY_NAME else _at(kind, themes)


def fixed(spec: str) -> Slot:
    """Return a complement that is always the same, in the notation of `say`."""
    return lambda dice, scene: say(spec)


def _tale(dice: Dice, scene: Scene) -> Chunk:
    spec = dice.pick(_TALES[:2] if not scene.negation else _TALES[2:])
    return say(spec)


def _object(kind: str, themes: str) -> Slot:
    def build(dice: Dice, scene: Scene) -> Chunk:
        chosen, said = dice.pick(nouns(themes)), kind
        while scene.subject.gender == "m" and chosen.en in ("dress", "skirt"):
            chosen = dice.pick(nouns(themes))
        each = (
            scene.subject.plural and chosen.theme in _WORN and said in ("a", "my")
        )  # each has one of their own
        said = "bare" if each and said == "a" else said
        plural = each or (
            chosen.countable
            and (
                kind in ("some", "gen")
                or (kind in _MANY and chosen.theme not in _ONE and dice.chance(_MANY[kind]))
            )
        )
        described = None if kind == "gen" or chosen.theme in _BARE else fitting(dice, chosen, _ADJECTIVES)
        if plural and not scene.negation and not each and dice.chance(0.15):
            said = {"some": dice.pick(("several", "many", "few")), "the": "all"}.get(said, said)
        return noun_phrase(_kind(dice, said, scene), chosen, plural, described)

    return build


def _kind(dice: Dice, kind: str, scene: Scene) -> str:
    """Choose the determiner that the sentence asks for: `any` after a negation, its own possessive."""
    if kind == "gen":
        return "generic"
    if kind == "my":
        return scene.subject.own
    if kind == "def":
        return "the"
    if kind == "the":
        return "this" if dice.chance(0.15) else "the"
    if scene.negation == "never":
        return "any" if kind == "a" else "any_bare"
    if scene.negation:
        return "any"
    return "bare" if kind == "some" and scene.tense == "habit" else kind


def someone(dice: Dice) -> Chunk:
    """Return a person as an object."""
    roll = dice.below(10)
    if roll < 3:
        return name(dice.pick(NAMES)[0])
    if roll < 7:
        chosen = dice.pick(nouns("kin+elder+spouse"))
        owner = dice.pick(("my", "your") if chosen.theme == "spouse" else ("my", "your", "our"))
        return noun_phrase(owner, chosen, chosen.countable and dice.chance(0.25))
    if roll < 9:
        chosen = dice.pick(nouns("people+young"))
        return noun_phrase("the", chosen, chosen.countable and dice.chance(0.3))
    return owned(name(dice.pick(NAMES)[0]), dice.pick(nouns("kin+elder")))


def name(text: str) -> Chunk:
    """Return a name, spelled alike in both languages."""
    mark = object()
    return Chunk(word(text, "PROPN", mark), word(text, "PROPN", mark))


def _person(dice: Dice, scene: Scene) -> Chunk:
    """Return a person other than the subject."""
    own = {token.text for token in scene.subject.chunk.en if token.tag in ("NOUN", "PROPN")}
    found = someone(dice)
    while any(token.text in own for token in found.en):
        found = someone(dice)
    return found


def _preceded(english: str, french: str) -> Slot:
    def build(dice: Dice, scene: Scene) -> Chunk:
        return say(f"{english}/ADP = {french}/ADP").then(_person(dice, scene))

    return build


def _at(kind: str, themes: str) -> Slot:
    def build(dice: Dice, scene: Scene) -> Chunk:
        chosen = dice.pick(nouns(themes))
        return say(f"{kind}/ADP = {_PLACES[kind]}/ADP").then(noun_phrase("the", chosen))

    return build


def _at_shop(dice: Dice, scene: Scene) -> Chunk:
    return say("at/ADP = à/ADP").then(noun_phrase("the", noun(dice.pick(_SHOPS))))


def city(dice: Dice, scene: Scene | None = None) -> Chunk:
    """Return a city."""
    english, french = dice.pick(CITIES)
    mark = object()
    return Chunk(word(english, "PROPN", mark), word(french, "PROPN", mark))


def _in_city(dice: Dice, scene: Scene) -> Chunk:
    return say("in/ADP = à/ADP").then(city(dice))


def _in_city_to(dice: Dice, scene: Scene) -> Chunk:
    return say("to/ADP = à/ADP").then(city(dice))


def country(dice: Dice, english: str, form: int) -> Chunk:
    """Return `in France`, `from Japan`; `form` is 1 for in or to, 2 for from."""
    entry = dice.pick(COUNTRIES)
    link, head = object(), object()
    preposition, *rest = entry[form].split()
    fr = word(preposition, "ADP", link)
    for text in rest[:-1]:
        fr += word(text, "DET", head)
    return Chunk(
        word(english, "ADP", link) + word(entry[0], "PROPN", head), fr + word(rest[-1], "PROPN", head)
    )


def _in_country(dice: Dice, scene: Scene) -> Chunk:
    return country(dice, "in", 1)


def _to_country(dice: Dice, scene: Scene) -> Chunk:
    return country(dice, "to", 1)


def _from_country(dice: Dice, scene: Scene) -> Chunk:
    return country(dice, "from", 2)


def _by(themes: str) -> Slot:
    return lambda dice, scene: say("by/ADP = en/ADP").then(noun_phrase("none", dice.pick(nouns(themes))))


def _needed(dice: Dice, scene: Scene) -> Chunk:
    """Return what `avoir besoin de` needs: `a pen` is `un stylo`, since `de` stands before it."""
    chosen = dice.pick(nouns("carried+clothes+device"))
    return noun_phrase(dice.pick((scene.subject.own, "a", "this")), chosen, False, fitting(dice, chosen, 0.3))


def _counted(dice: Dice, scene: Scene) -> Chunk:
    chosen = dice.pick(tuple(entry for entry in nouns("kin+pet+farm animal") if entry.countable))
    if scene.negation:
        return noun_phrase("any", chosen, True)
    return noun_phrase(number(dice, 5), chosen, True)


def _language(dice: Dice, scene: Scene) -> Chunk:
    return noun_phrase("none", dice.pick(nouns("language")))


_BY_KIND = {
    "tale": _tale,
    "person": _person,
    "city": city,
    "need": _needed,
    "count": _counted,
    "language": _language,
}
_BY_NAME: dict[str, Slot] = {
    "at.home": lambda dice, scene: say(_AT_HOME),
    "at.hour": lambda dice, scene: at_hour(dice),
    "at.shop": _at_shop,
    "from.country": _from_country,
    "in.bed": lambda dice, scene: say(_IN_BEDROOM),
    "in.city": _in_city,
    "in.country": _in_country,
    "in.park": lambda dice, scene: say(dice.pick(_OUTDOORS)),
    "in.water": lambda dice, scene: say(dice.pick(_WATER)),
    "on.sofa": lambda dice, scene: say(dice.pick(_ON_SOFA)),
    "to.city": _in_city_to,
    "to.country": _to_country,
    "to.person": _preceded("to", "à"),
    "with.person": _preceded("with", "avec"),
}


def state_of(subject: Subject, adjective: Adjective) -> Chunk:
    """Return a predicative adjective in agreement with the subject."""
    mark = object()
    form = adjective.agree(subject.gender or "m", subject.plural)
    return Chunk(word(adjective.en, "ADJ", mark), phrase(form, "ADJ", mark))


def state(dice: Dice, scene: Scene) -> Chunk:
    """Return what the subject is; where its gender is not known, a word that does not show it."""
    return state_of(scene.subject, dice.pick(dice.pick((states, traits))(epicene=not scene.subject.gender)))


def to_do(predicate: Predicate, preposition: str = "") -> Slot:
    """Return an infinitive complement."""
    return lambda dice, scene: infinitive(dice, scene, predicate, preposition)


def predicate(dice: Dice, verb: Verb) -> Predicate:
    """Return the verb with one of its frames filled."""
    return Predicate(verb, tuple(slot(spec) for spec in dice.pick(verb.frames)))
