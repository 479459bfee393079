"""Causes, conditions and consequences: situations joined by because, so, if, when and while."""

from functools import cache

from attnrun.data.phrases.adverbials import when
from attnrun.data.phrases.chunk import EMPTY, Chunk, say
from attnrun.data.phrases.clause import Predicate, clause
from attnrun.data.phrases.complements import fixed, predicate, slot, state_of, to_do
from attnrun.data.phrases.dice import Dice
from attnrun.data.phrases.lexicon.adjectives import adjective, traits
from attnrun.data.phrases.lexicon.idioms import ACHES, WITH_AVOIR
from attnrun.data.phrases.lexicon.situations import OUTDOORS, PERSONAL, WEATHER
from attnrun.data.phrases.lexicon.verbs import read, verb, verbs
from attnrun.data.phrases.nominal import Subject
from attnrun.data.phrases.simple import BE, BE_FEELING, HAVE, STOP, doing, lasting
from attnrun.data.phrases.subjects import anaphor, named, person, same_people, somebody

COMMA = "~,/PUNCT = ~,/PUNCT"
BECAUSE = "because/SCONJ = parce/SCONJ que/SCONJ"
_CAUSES = {
    "has an exam": ("have had|avoir|s|", "an/DET/1 exam/NOUN/2 = un/DET/1 examen/NOUN/2"),
    "has a meeting": ("have had|avoir|s|", "a/DET/1 meeting/NOUN/2 = une/DET/1 réunion/NOUN/2"),
    "likes music": ("like|aimer|s|", "music/NOUN = la/DET musique/NOUN"),
    "likes animals": ("like|aimer|s|", "animals/NOUN = les/DET animaux/NOUN"),
    "likes books": ("like|aimer|s|", "books/NOUN = les/DET livres/NOUN"),
    "loves sport": ("love|adorer|s|", "sport/NOUN = le/DET sport/NOUN"),
}


@cache
def done(spec: str) -> Predicate:
    """Read `drink/some.coffee`, `play:jouer à/gen.sport` or `want:inf rest` from the situations."""
    head, _, slots = spec.partition("/")
    if head.startswith("want:inf "):
        return Predicate(read("want|vouloir|s|"), (to_do(done(head.removeprefix("want:inf "))),))
    base, _, french = head.partition(":")
    found = verb(base.replace("_", " "), french.split(" ")[0])
    if " " in french:
        found = next(
            entry
            for entry in verbs()
            if entry.en.base == base and (french.split(" ")[1], "ADP") in entry.tail
        )
    elif french == "jouer":
        found = read("play|jouer||")
    return Predicate(found, tuple(slot(part) for part in slots.split(",") if part and part != "none"))


def state_clause(dice: Dice, cause: str, subject: Subject, tense: str) -> Chunk:
    """Return the clause of a personal cause: `she is tired`, `I have a headache`."""
    kind, _, what = cause.partition(" ")
    negation = ""
    if cause in _CAUSES:
        line, spec = _CAUSES[cause]
        said = Predicate(read(line), (fixed(spec),))
    elif kind == "is":
        said = Predicate(BE, (lambda dice, scene: state_of(scene.subject, adjective(what)),))
    elif kind == "feels":
        said = Predicate(BE_FEELING, (fixed(next(spec for spec in WITH_AVOIR if spec.startswith(what))),))
    elif what.startswith("no "):
        said, negation = Predicate(HAVE, (slot("some." + what[3:]),)), "not"
    else:
        said = Predicate(
            HAVE,
            (
                fixed(
                    next(
                        spec
                        for spec in ACHES
                        if spec.replace("/DET", "").replace("/ADJ", "").startswith(what)
                    )
                ),
            ),
        )
    return clause(dice, subject, said, tense, negation)


def outcome(dice: Dice, effect: str, subject: Subject, tense: str) -> Chunk:
    negated = effect.startswith("not ")
    return clause(dice, subject, done(effect.removeprefix("not ")), tense, "not" if negated else "")


def showing(cause: str) -> bool:
    """Say whether the cause shows the gender of its subject in French."""
    return cause.startswith("is ") and not adjective(cause[3:]).epicene


def because(dice: Dice) -> Chunk:
    """`She went to bed because she was tired`, `He was cold, so he closed the window`."""
    past = dice.chance(0.5)
    cause, effect = _story(dice)
    subject = person(dice, clear=showing(cause) or past)
    if dice.chance(0.65):
        return reason(dice, subject, past, cause, effect).then(STOP)
    then = "past" if past else dice.pick(("future", "near"))
    first = state_clause(dice, cause, subject, "past" if past else "present")
    return first.then(
        say(COMMA), say("so/CCONJ = donc/CCONJ"), outcome(dice, effect, anaphor(subject), then), STOP
    )


# causes that may hold for an effect some time later
_LASTING = ("likes", "loves", "has an exam", "has a meeting", "is busy", "has no")


def _story(dice: Dice) -> tuple[str, str]:
    cause, effects = dice.pick(PERSONAL)
    return cause, dice.pick(effects)


def reason(dice: Dice, subject: Subject, past: bool, cause: str, effect: str, timed: bool = True) -> Chunk:
    """Return an effect and its cause, joined by `because`."""
    then = "past" if past else dice.pick(("future", "near"))
    lasting = past or cause.startswith(_LASTING)
    at = when(dice, then) if timed and lasting and dice.chance(0.4) else EMPTY
    first = outcome(dice, effect, subject, then).then(at)
    return first.then(
        say(BECAUSE), state_clause(dice, cause, anaphor(subject), "past" if past else "present")
    )


def reported_reason(dice: Dice) -> Chunk:
    """`Anna thinks that her brother will stay at home because he is ill`."""
    cause, effect = _story(dice)
    speaker, subject = person(dice), person(dice, clear=True)
    while same_people(speaker, subject):
        speaker = person(dice)
    outer = read(dice.pick(("think thought|penser|s|", "know knew|savoir|s|", "believe|croire|s|")))
    said = Predicate(outer, (fixed("that/SCONJ = que/SCONJ"),))
    told = clause(dice, speaker, said, "past" if outer.momentary else "present")
    return told.then(reason(dice, subject, outer.momentary, cause, effect), STOP)


def reason_of_someone(dice: Dice) -> Chunk:
    """`The man who repaired our car stayed at home because he was ill`."""
    cause, effect = _story(dice)
    chunk, subject = somebody(dice)
    inside = clause(dice, subject._replace(chunk=say("who/PRON = qui/PRON")), lasting(dice), "past")
    return reason(dice, subject._replace(chunk=chunk.then(inside)), dice.chance(0.6), cause, effect).then(
        STOP
    )


def opposed(dice: Dice) -> Chunk:
    """`My sister went to the beach, but Paul stayed at home because he was ill`."""
    cause, effect = _story(dice)
    past = dice.chance(0.6)
    first, second = person(dice, clear=past), named(dice)
    while same_people(first, second):
        first = person(dice, clear=past)
    tense = "past" if past else "future"
    verb_ = doing(dice, willed=True)
    told = clause(dice, first, predicate(dice, verb_), tense).then(
        when(dice, tense, verb_.flags) if dice.chance(0.3) else EMPTY
    )
    return told.then(
        say(COMMA), say("but/CCONJ = mais/CCONJ"), reason(dice, second, past, cause, effect), STOP
    )


def shared(dice: Dice) -> Chunk:
    """`If it rains tomorrow, we will stay at home and Paul will read a book`."""
    sky, effects = dice.pick(OUTDOORS)
    first, second = person(dice), person(dice)
    while same_people(first, second):
        second = person(dice)
    effect, other = dice.pick(effects), dice.pick(effects)
    while other == effect:
        other = dice.pick(effects)
    at = when(dice, "future") if dice.chance(0.6) else EMPTY
    at = EMPTY if at.en and at.en[0].text in ("soon", "in") else at
    told = say("if/SCONJ = si/SCONJ").then(
        _sky(sky, "when"), at, say(COMMA), outcome(dice, effect, first, "future")
    )
    return told.then(say("and/CCONJ = et/CCONJ"), outcome(dice, other, second, "future"), STOP)


def meanwhile(dice: Dice) -> Chunk:
    """`While Marie was cooking, Paul stayed in the bedroom because he was ill`."""
    first, second = person(dice), named(dice)
    while same_people(first, second):
        first = person(dice)
    cause, effect = _story(dice)
    told = say("while/SCONJ = pendant/SCONJ que/SCONJ").then(
        clause(dice, first, lasting(dice), "imperfect"), say(COMMA)
    )
    return told.then(reason(dice, second, True, cause, effect, timed=False), STOP)


_TRAITS = frozenset(f"is {trait.en}" for trait in traits())


def condition(dice: Dice) -> Chunk:
    """`If he is hungry, he will eat an apple`, `When I am tired, I go to bed`."""
    cause, effects = dice.pick(PERSONAL)
    while cause.startswith(_LASTING) or cause in _TRAITS:
        cause, effects = dice.pick(PERSONAL)
    effect = dice.pick(effects)
    subject = person(dice, clear=showing(cause))
    again = anaphor(subject)
    word_, first, second = dice.pick((
        ("if/SCONJ = si/SCONJ", "present", "future"), ("when/SCONJ = quand/SCONJ", "present", "habit"),
        ("when/SCONJ = quand/SCONJ", "then", "future"),
    ))  # fmt: skip
    if dice.chance(0.6):
        told = say(word_).then(
            state_clause(dice, cause, subject, first), say(COMMA), outcome(dice, effect, again, second)
        )
    else:
        told = outcome(dice, effect, subject, second).then(
            say(word_), state_clause(dice, cause, again, first)
        )
    return told.then(STOP)


def _sky(kind: str, tense: str) -> Chunk:
    """Return the weather as a clause: present, past, or `when` (simple present in English)."""
    forms = WEATHER[kind]
    place = {"present": 0, "past": 1, "when": 2}[tense]
    if len(forms) > 1:
        return say(forms[place])
    english = "was" if tense == "past" else "is"
    french = (
        ("avait" if kind == "windy" else "faisait")
        if tense == "past"
        else ("a" if kind == "windy" else "fait")
    )
    return say(forms[0].format(english, french))


def outdoors(dice: Dice) -> Chunk:
    """`If it rains, we will stay at home`."""
    sky, effects = dice.pick(OUTDOORS)
    effect = dice.pick(effects)
    tense = dice.pick(("past", "present", "if", "when"))
    subject = person(dice, clear=tense == "past")
    if tense in ("past", "present"):
        then = "past" if tense == "past" else dice.pick(("future", "near"))
        told = outcome(dice, effect, subject, then)
        if dice.chance(0.6):
            return told.then(say(BECAUSE), _sky(sky, tense), STOP)
        return _sky(sky, tense).then(say(COMMA), say("so/CCONJ = donc/CCONJ"), told, STOP)
    joint = say("if/SCONJ = si/SCONJ" if tense == "if" else "when/SCONJ = quand/SCONJ")
    told = outcome(dice, effect, subject, "future" if tense == "if" else "habit")
    if dice.chance(0.6):
        return joint.then(_sky(sky, "when"), say(COMMA), told, STOP)
    return told.then(joint, _sky(sky, "when"), STOP)
