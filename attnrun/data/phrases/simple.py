"""Sentences of one clause."""

from functools import cache

from attnrun.data.phrases.adverbials import FREQUENCY, when
from attnrun.data.phrases.chunk import EMPTY, Chunk, say
from attnrun.data.phrases.clause import ObjectPronoun, Predicate, Scene, Slot, Verb, clause
from attnrun.data.phrases.complements import predicate, slot, state_of, to_do
from attnrun.data.phrases.dice import Dice
from attnrun.data.phrases.lexicon.adjectives import Adjective
from attnrun.data.phrases.lexicon.verbs import read, verbs
from attnrun.data.phrases.nominal import Subject
from attnrun.data.phrases.subjects import person

# one a sentence, so that their marks can be shared
STOP = say("~./PUNCT = ~./PUNCT")
MARK = say("~?/PUNCT = ?/PUNCT")
SHOUT = say("~!/PUNCT = !/PUNCT")
BE = read("be was been|être|s|")
BE_FEELING = read("be was been|avoir|s|")
HAVE = read("have had|avoir|s|")
_TENSES = (
    "past",
    "past",
    "past",
    "future",
    "habit",
    "progressive",
    "near",
    "imperfect",
    "used",
    "perfect",
    "recent",
    "can",
    "must",
)
_UNFIT = {
    "progressive": "m",
    "imperfect": "mo",
    "used": "o",
    "habit": "ol",
    "must": "o",
    "can": "o",
    "near": "o",
    "future": "o",
    "recent": "od",
}
STATE_TENSES = ("present", "present", "past", "future")
_DIRECT = (
    ("me", "me", "", False), ("you", "te", "", False), ("him", "le", "m", False), ("her", "la", "f", False),
    ("us", "nous", "", True), ("them", "les", "m", True),
)  # fmt: skip
_INDIRECT = (("me", "me"), ("you", "te"), ("him", "lui"), ("us", "nous"), ("them", "leur"), ("her", "lui"))
# outer verb | French preposition | verbs that may follow, where not any willed one | tenses
_CATENATIVE = (
    "want|vouloir|s|//present past",
    "like|aimer|s|/read write swim run dance sing cook travel study draw paint play/present",
    "love|adorer|s|/read write swim run dance sing cook travel study draw paint play/present",
    "hate|détester|s|/clean iron wash get work cook study run/present",
    "hope|espérer|s|/visit learn buy travel rent sell build/present",
    "try|essayer|m|de/repair read learn open write sleep call build draw/past future",
    "forget forgot|oublier|m|de/call close feed wash buy iron thank invite answer send do/past",
    "decide|décider|m|de/sell buy learn visit travel rent build invite stay help write/past",
    "begin began begun|commencer|m|à/eat work read clean cook dance sing write draw paint build study/past",
    "promise|promettre|m|de/help call send come buy repair write clean wash/past",
    "refuse|refuser|m|de/eat drink dance sing work sell help wear wash do answer lend/past",
    "learn|apprendre|m|à/swim dance sing drive cook draw write read play/past future",
    "need|avoir besoin/NOUN|s|de/buy rest sleep work call eat drink repair wash study/present past",
)  # fmt: skip


def tense_for(dice: Dice, verb: Verb, subject: Subject) -> str:
    """Return a tense in which the verb makes sense and whose French form the English subject decides."""
    if verb.state:
        return dice.pick(STATE_TENSES if verb.en.base in ("be", "have", "need") else STATE_TENSES[:3])
    tense = dice.pick(_TENSES)
    if tense in _UNFIT and any(flag in verb.flags for flag in _UNFIT[tense]):
        tense = "past" if "o" in verb.flags else dice.pick(("past", "future"))
    if tense in ("past", "perfect") and verb.with_etre and not subject.gender:
        tense = dice.pick(("future", "near", "must"))
    return tense


def doing(dice: Dice, willed: bool = False) -> Verb:
    """Return any verb of people, or one that they decide to do."""
    return dice.pick(_willed() if willed else verbs())


@cache
def _willed() -> tuple[Verb, ...]:
    return tuple(entry for entry in verbs() if "w" in entry.flags)


def lasting(dice: Dice) -> Predicate:
    """Return something that people do for a while."""
    chosen = doing(dice)
    while chosen.state or chosen.momentary or "w" not in chosen.flags:
        chosen = doing(dice)
    return predicate(dice, chosen)


def polarity(dice: Dice, tense: str, state: bool) -> str:
    """Return a negation now and then; `perfect` always has `already` or one of `yet` and `never`."""
    if tense == "perfect":
        return dice.pick(("", "yet", "never"))
    if tense == "habit":
        return "never" if dice.chance(0.15) else ""
    if tense in ("recent", "would", "used") or dice.chance(0.75):
        return ""
    if tense == "present" and state and dice.chance(0.3):
        return "anymore"
    return "not"


def act(dice: Dice, subject: Subject, done: Predicate, tense: str = "", timed: bool = True) -> Chunk:
    """Return a clause with a tense, perhaps a negation, and a time that fits."""
    tense = tense or tense_for(dice, done.verb, subject)
    negation = polarity(dice, tense, done.verb.state)
    often = False
    if tense == "perfect" and not negation:
        done = done._replace(adverb="already/ADV = déjà/ADV")
    if tense == "habit" and not negation and dice.chance(0.4):
        done, often = done._replace(adverb=dice.pick(FREQUENCY)), True
    told = clause(dice, subject, done, tense, negation)
    at = (
        when(dice, tense, done.verb.flags)
        if timed and not often and negation not in ("never", "anymore")
        else EMPTY
    )
    if done.verb.state and tense == "past" and not dice.chance(0.3):
        at = EMPTY
    return told.then(at)


def action(dice: Dice) -> Chunk:
    """Somebody does something: the most frequent kind of sentence."""
    return act(dice, person(dice), predicate(dice, doing(dice))).then(STOP)


def fronted(dice: Dice) -> Chunk:
    """`Yesterday, we went home.`"""
    verb = doing(dice)
    while verb.state:
        verb = doing(dice)
    tense = "past" if "o" in verb.flags else dice.pick(("past", "future", "near"))
    subject = person(dice, clear=verb.with_etre)
    told = clause(dice, subject, predicate(dice, verb), tense, "not" if dice.chance(0.2) else "")
    return when(dice, tense, verb.flags).then(say("~,/PUNCT = ~,/PUNCT"), told, STOP)


def with_pronoun(dice: Dice, subject: Subject | None = None) -> Chunk:
    """`She saw them`, with agreement of the participle."""
    choices = tuple(verb for verb in verbs() if verb.frames[-1] == ("person",) and verb.fr != "parler")
    verb = dice.pick(choices)
    subject = subject or person(dice)
    tense = tense_for(dice, verb, subject)
    compound = tense in ("past", "perfect") and not verb.state
    allowed = tuple(
        ObjectPronoun(*entry, True) for entry in _DIRECT
        if entry[0] not in _same(subject) and (entry[2] or not compound)
    )  # fmt: skip
    return act(dice, subject, Predicate(verb, (), dice.pick(allowed)), tense).then(STOP)


def _same(subject: Subject) -> tuple[str, ...]:
    """Return the object pronouns that would mean the subject itself."""
    return (("me", "us"), ("you",), (), ("us", "me"), (), ())[subject.person]


def dative(dice: Dice) -> Chunk:
    """`I gave him the keys`: the pronoun stands before the French verb."""
    verb = dice.pick(
        tuple(verb for verb in verbs() if verb.frames[0][1:] == ("to.person",) and verb.fr != "expliquer")
    )
    subject = person(dice)
    frame = dice.pick(verb.frames)
    allowed = tuple(entry for entry in _INDIRECT if entry[0] not in _same(subject))
    english, french = dice.pick(allowed)
    pronoun = ObjectPronoun(english, french, "", False, False)
    return act(dice, subject, Predicate(verb, (slot(frame[0]),), pronoun)).then(STOP)


def wanting(dice: Dice) -> Chunk:
    """`He wants to buy a car`, `We decided to go home`."""
    line, bases, tenses = _read_catenative(dice.pick(_CATENATIVE))
    head, _, preposition = line.rpartition("|")
    outer = read(head + "|")
    inner = doing(dice, willed=True)
    while bases and inner.en.base not in bases:
        inner = doing(dice, willed=True)
    done = Predicate(outer, (to_do(predicate(dice, inner), preposition),))
    if outer.fr in ("aimer", "adorer", "détester", "espérer"):
        return clause(dice, person(dice), done, "present").then(STOP)
    return act(dice, person(dice), done, dice.pick(tenses), timed=False).then(STOP)


@cache
def _read_catenative(entry: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    line, bases, tenses = entry.rsplit("/", 2)
    return line, tuple(bases.split()), tuple(tenses.split())


def wishing(dice: Dice) -> Chunk:
    """`I would like to visit the castle.`"""
    return clause(dice, person(dice), predicate(dice, doing(dice, willed=True)), "would").then(STOP)


def plainly(chosen: Adjective) -> Slot:
    return lambda dice, scene: state_of(scene.subject, chosen)


_ABSOLUTE = frozenset(
    [
        "married",
        "alone",
        "ready",
        "broken",
        "empty",
        "red",
        "blue",
        "green",
        "yellow",
        "black",
        "white",
        "grey",
        "round",
        "free",
    ]
)


def very(chosen: Adjective) -> Slot:
    """Return the adjective with `very`, `too` or `so`, which a turn such as `en retard` does not take."""

    def build(dice: Dice, scene: Scene) -> Chunk:
        said = state_of(scene.subject, chosen)
        if len(said.fr) > 1 or chosen.en in _ABSOLUTE:
            return said
        return say(dice.pick(("very/ADV = très/ADV", "too/ADV = trop/ADV", "so/ADV = si/ADV"))).then(said)

    return build
