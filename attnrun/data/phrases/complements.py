"""What may follow a verb: objects, people, places; each slot is read from a short name such as `the.openable`."""

from functools import cache

from attnrun.data.phrases.chunk import Chunk, say, word
from attnrun.data.phrases.clause import Predicate, Scene, Slot, Verb, infinitive
from attnrun.data.phrases.dice import Dice
from attnrun.data.phrases.lexicon.adjectives import Adjective, states
from attnrun.data.phrases.lexicon.names import CITIES, COUNTRIES, NAMES
from attnrun.data.phrases.lexicon.nouns import noun, nouns
from attnrun.data.phrases.nominal import Subject, fitting, noun_phrase, number, owned, phrase

_ADJECTIVES = 0.22  # how often a noun that can be described is
_AT_HOME = "at/ADP home/NOUN = à/ADP la/DET maison/NOUN"
_AT_WORK = "at/ADP work/NOUN = à/ADP le/DET travail/NOUN"
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
_TALES = (
    "a/DET/1 story/NOUN/2 = une/DET/1 histoire/NOUN/2",
    "a/DET/1 joke/NOUN/2 = une/DET/1 blague/NOUN/2",
    "the/DET/1 truth/NOUN/2 = la/DET/1 vérité/NOUN/2",
    "some/DET/1 stories/NOUN/2 = des/DET/1 histoires/NOUN/2",
)
_SHOPS = ("market", "supermarket", "bakery", "station", "airport")
_PLACES = {"at": "à", "to": "à", "from": "de", "in": "dans", "on": "sur", "by": "en", "with": "avec"}
_OBJECTS = frozenset("the a some my gen".split())


@cache
def slot(spec: str) -> Slot:
    """Return the complement that `kind.themes` names."""
    kind, _, themes = spec.partition(".")
    if kind in _OBJECTS:
        return _object(kind, themes)
    if spec == "tale":
        return lambda dice, scene: _tale(dice, scene)
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    return {
        "at.home": lambda dice, scene: say(_AT_HOME), "in.park": lambda dice, scene: say(dice.pick(_OUTDOORS)),
        "in.water": lambda dice, scene: say(dice.pick(_WATER)), "at.shop": _at_shop, "in.city": _in_city,
        "to.city": _in_city_to, "in.country": _in_country, "to.country": _to_country, "from.country": _from_country,
        "with.person": _preceded("with", "avec"), "to.person": _preceded("to", "à"), "by.transport": _by_transport,
    }.get(spec) or _at(kind, themes)  # fmt: skip


def fixed(spec: str) -> Slot:
    """Return a complement that is always the same, in the notation of `say`."""
    return lambda dice, scene: say(spec)


def _tale(dice: Dice, scene: Scene) -> Chunk:
    spec = dice.pick(_TALES[2:3] if scene.negation else _TALES)
    return say(spec)


def is_direct(spec: str) -> bool:
    """Say whether the slot is a direct object that a pronoun could replace."""
    return spec.partition(".")[0] in ("the", "my", "person")


def _object(kind: str, themes: str) -> Slot:
    def build(dice: Dice, scene: Scene) -> Chunk:
        chosen = dice.pick(nouns(themes))
        plural = chosen.countable and (
            kind in ("some", "gen") or (kind in ("the", "my") and _may_be_many(chosen.theme) and dice.chance(0.3))
        )
        described = None if kind == "gen" else fitting(dice, chosen, _ADJECTIVES)
        return noun_phrase(_kind(dice, kind, scene), chosen, plural, described)

    return build


def _may_be_many(theme: str) -> bool:
    return theme not in ("room", "device", "vehicle", "meal", "relation", "land", "house", "openable", "place")


def _kind(dice: Dice, kind: str, scene: Scene) -> str:
    """Choose the determiner that the sentence asks for: `any` after a negation, the subject's own possessive."""
    if kind == "gen":
        return "generic"
    if kind == "my":
        return scene.subject.own
    if kind == "the":
        return "this" if dice.chance(0.15) else "the"
    if scene.negation == "never":
        return "any" if kind == "a" else "any_bare"
    if scene.negation:
        return "any"
    return "bare" if kind == "some" and scene.tense == "habit" else kind


def someone(dice: Dice, apart_from: str = "") -> Chunk:
    """Return a person as an object, never the owner or name that the subject already is."""
    roll = dice.below(10)
    if roll < 3:  # noqa: PLR2004
        names = tuple(name for name, _ in NAMES if name != apart_from)
        return name(dice.pick(names))
    if roll < 7:  # noqa: PLR2004
        chosen = dice.pick(nouns("kin+elder"))
        owner = dice.pick(("my", "your", "our"))
        return noun_phrase(owner, chosen, chosen.countable and dice.chance(0.25))
    if roll < 9:  # noqa: PLR2004
        chosen = dice.pick(nouns("people"))
        return noun_phrase("the", chosen, chosen.countable and dice.chance(0.3))
    return owned(name(dice.pick(NAMES)[0]), dice.pick(nouns("kin+elder")))


def name(text: str) -> Chunk:
    """Return a name, spelled alike in both languages."""
    mark = object()
    return Chunk(word(text, "PROPN", mark), word(text, "PROPN", mark))


def _person(dice: Dice, scene: Scene) -> Chunk:
    last = scene.subject.chunk.en[-1]
    return someone(dice, last.text)


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


def _by_transport(dice: Dice, scene: Scene) -> Chunk:
    return say("by/ADP = en/ADP").then(noun_phrase("none", dice.pick(nouns("transport"))))


def _needed(dice: Dice, scene: Scene) -> Chunk:
    """Return what `avoir besoin de` needs: `a pen` is `un stylo`, since `de` stands before it."""
    chosen = dice.pick(nouns("carried+clothes+device"))
    return noun_phrase(dice.pick((scene.subject.own, "a", "this")), chosen, False, fitting(dice, chosen, 0.3))


def _counted(dice: Dice, scene: Scene) -> Chunk:
    chosen = dice.pick(tuple(entry for entry in nouns("kin+animal") if entry.countable))
    if scene.negation:
        return noun_phrase("any", chosen, True)
    return noun_phrase(number(dice, 5), chosen, True)


def _language(dice: Dice, scene: Scene) -> Chunk:
    return noun_phrase("none", dice.pick(nouns("language")))


_BY_KIND = {"person": _person, "city": city, "need": _needed, "count": _counted, "language": _language}


def state_of(subject: Subject, adjective: Adjective) -> Chunk:
    """Return a predicative adjective in agreement with the subject."""
    mark = object()
    form = adjective.agree(subject.gender or "m", subject.plural)
    return Chunk(word(adjective.en, "ADJ", mark), phrase(form, "ADJ", mark))


def state(dice: Dice, scene: Scene) -> Chunk:
    """Return what the subject is; where its gender is not known, a word that does not show it."""
    return state_of(scene.subject, dice.pick(states(epicene=not scene.subject.gender)))


def to_do(predicate: Predicate, preposition: str = "") -> Slot:
    """Return an infinitive complement."""
    return lambda dice, scene: infinitive(dice, scene, predicate, preposition)


def predicate(dice: Dice, verb: Verb) -> Predicate:
    """Return the verb with one of its frames filled."""
    return Predicate(verb, tuple(slot(spec) for spec in dice.pick(verb.frames)))
