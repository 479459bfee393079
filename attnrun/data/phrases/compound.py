"""Sentences of several clauses: causes and conditions, sequences, relative clauses, reported speech."""

from typing import NamedTuple

from attnrun.data.phrases.adverbials import at_hour, when
from attnrun.data.phrases.chunk import EMPTY, Chunk, say
from attnrun.data.phrases.clause import ObjectPronoun, Predicate, clause
from attnrun.data.phrases.complements import fixed, predicate, slot, state_of
from attnrun.data.phrases.dice import Dice
from attnrun.data.phrases.lexicon.adjectives import adjective
from attnrun.data.phrases.lexicon.nouns import Noun, nouns
from attnrun.data.phrases.lexicon.situations import PERSONAL, ROUTINE
from attnrun.data.phrases.lexicon.verbs import read, verb, verbs
from attnrun.data.phrases.nominal import Subject, noun_phrase
from attnrun.data.phrases.questions import SUITED
from attnrun.data.phrases.reasons import COMMA, done, showing, state_clause
from attnrun.data.phrases.simple import BE, STOP, doing, lasting, tense_for
from attnrun.data.phrases.subjects import anaphor, named, person, same_people, somebody
from attnrun.data.phrases.things import quality


def _silent(subject: Subject) -> Subject:
    return subject._replace(chunk=EMPTY)


def sequence(dice: Dice) -> Chunk:
    """`She got up at seven o'clock, had breakfast and took the bus`."""
    tense = dice.pick(("past", "future", "habit"))
    subject = person(dice, clear=tense == "past")
    count = dice.pick((2, 3, 3))
    start = dice.below(len(ROUTINE) - 2 * count)
    places = [start + 2 * step + dice.below(2) for step in range(count)]
    opening = when(dice, tense).then(say(COMMA)) if dice.chance(0.4) else EMPTY
    told = opening.then(clause(dice, subject, done(ROUTINE[places[0]]), tense))
    told = told.then(at_hour(dice) if dice.chance(0.4) else EMPTY)
    for step in places[1:]:
        joint = say("and/CCONJ = et/CCONJ") if step == places[-1] else say(COMMA)
        told = told.then(joint, _bare(dice, subject, ROUTINE[step], tense))
    return told.then(STOP)


def _bare(dice: Dice, subject: Subject, spec: str, tense: str) -> Chunk:
    """Return a clause that leaves out the subject, and in English `will` too."""
    said = clause(dice, _silent(subject), done(spec), tense)
    if tense != "future":
        return said
    verb_mark = said.en[0].marks
    assert said.en[1].marks == verb_mark
    return Chunk(said.en[1:], said.fr)


def contrast(dice: Dice) -> Chunk:
    """`My sister likes tea, but my brother prefers coffee`."""
    subject, other = person(dice), named(dice)
    while same_people(subject, other):
        other = named(dice)
    themes = dice.pick(("fruit+dish", "drink", "pet+farm animal", "sport", "subject"))
    one, two = dice.pick(nouns(themes)).en, dice.pick(nouns(themes)).en
    while one == two:
        two = dice.pick(nouns(themes)).en
    first, second = dice.pick(
        (
            ("like|aimer|s|", "prefer|préférer|s|"),
            ("love|adorer|s|", "hate|détester|s|"),
            ("hate|détester|s|", "like|aimer|s|"),
        )
    )
    told = clause(dice, subject, Predicate(read(first), (slot("gen." + one),)), "present")
    return told.then(
        say(COMMA),
        say("but/CCONJ = mais/CCONJ"),
        clause(dice, other, Predicate(read(second), (slot("gen." + two),)), "present"),
        STOP,
    )


def pairing(dice: Dice) -> Chunk:
    """`Paul is reading the newspaper and his wife is sleeping`."""
    joint, tense = dice.pick((
        ("and/CCONJ = et/CCONJ", "progressive"), ("and/CCONJ = et/CCONJ", "future"),
        ("but/CCONJ = mais/CCONJ", "past"),
        ("while/SCONJ = pendant/SCONJ que/SCONJ", "progressive"),
        ("while/SCONJ = pendant/SCONJ que/SCONJ", "imperfect"),
        ("when/SCONJ = quand/SCONJ", "past"),
    ))  # fmt: skip
    subject, other = person(dice, clear=tense == "past"), person(dice, clear=tense == "past")
    while same_people(subject, other):
        other = person(dice, clear=tense == "past")
    first, second = lasting(dice), lasting(dice)
    while second.verb == first.verb:
        second = lasting(dice)
    negation = "not" if joint.startswith("but") else ""
    told = clause(dice, subject, first, "imperfect" if joint.startswith("when") else tense)
    comma = say(COMMA) if joint.startswith("but") else EMPTY
    return told.then(comma, say(joint), clause(dice, other, second, tense, negation), STOP)


def relative(dice: Dice) -> Chunk:
    """`The man who works at the bank is my neighbour`, `I like the dress that you bought`."""
    return dice.pick((_who, _that, _that_object))(dice)


def _who(dice: Dice) -> Chunk:
    chunk, subject = somebody(dice)
    inner = lasting(dice)
    tense = dice.pick(("progressive", "past", "past"))
    inside = clause(dice, subject._replace(chunk=say("who/PRON = qui/PRON")), inner, tense)
    if dice.chance(0.5):
        adjective_ = dice.pick(
            ("happy", "tired", "kind", "honest", "rich", "polite", "shy", "generous", "serious", "brave")
        )
        said = clause(
            dice,
            subject._replace(chunk=EMPTY),
            Predicate(BE, (lambda dice, scene: state_of(subject, adjective(adjective_)),)),
            "present",
        )
        return chunk.then(inside, said, STOP)
    knows = person(dice)
    known = dice.pick(("know", "see", "help", "call", "meet", "thank"))
    found = verb(known)
    tense = "present" if found.state else dice.pick(("past", "future"))
    return clause(dice, knows, Predicate(found, (lambda dice, scene: chunk.then(inside),)), tense).then(STOP)


_BOUGHT = (
    ("buy", "clothes+vehicle+carried"), ("lose", "carried"), ("wear", "clothes"),
    ("choose", "clothes+present"),
    ("read", "reading"), ("write", "mail+literature"), ("watch", "screen"), ("sell", "vehicle"),
    ("forget", "carried"), ("find", "carried"),
    ("paint", "wall+furniture"), ("break", "dishes"), ("wash", "dishes+clothes"),
    ("rent", "home+vehicle"), ("open", "openable"),
)  # fmt: skip


class Thing(NamedTuple):
    """A thing as a subject, with its noun."""

    subject: Subject
    noun: Noun


def _thing_that(dice: Dice, agent: Subject) -> tuple[Thing, Chunk]:
    """Return a thing and the clause `that you bought`, whose participle agrees with the thing."""
    base, themes = dice.pick(_BOUGHT)
    chosen = dice.pick(nouns(themes))
    many = chosen.countable and dice.chance(0.3)
    chunk = noun_phrase("the", chosen, many)
    inside = clause(dice, agent, Predicate(verb(base), agrees=(chosen.gender, many)), "past")
    at = when(dice, "past") if dice.chance(0.3) else EMPTY
    return Thing(Subject(chunk, 5 if many else 2, chosen.gender, ""), chosen), say(
        "that/PRON = que/PRON"
    ).then(inside, at)


def _that(dice: Dice) -> Chunk:
    (thing, of), inside = _thing_that(dice, person(dice))
    chosen = quality(dice, of)
    said = clause(
        dice,
        thing._replace(chunk=EMPTY),
        Predicate(BE, (lambda dice, scene: state_of(thing, chosen),)),
        dice.pick(("present", "past")),
    )
    return thing.chunk.then(inside, said, STOP)


def _that_object(dice: Dice) -> Chunk:
    subject, agent = person(dice), person(dice)
    while same_people(subject, agent):
        agent = person(dice)
    (thing, of), inside = _thing_that(dice, agent)
    outer = verb(
        dice.pick(("like", "look for", "find") if of.theme not in ("screen", "stage") else ("like", "watch"))
    )
    tense = tense_for(dice, outer, subject)
    tense = tense if tense in ("past", "future", "present", "progressive", "near") else "future"
    return clause(
        dice, subject, Predicate(outer, (lambda dice, scene: thing.chunk.then(inside),)), tense
    ).then(STOP)


_THINKING = (
    "think thought|penser|s|",
    "know knew|savoir|s|",
    "say said|dire|m|",
    "hope|espérer|s|",
    "believe|croire|s|",
)


def reported(dice: Dice) -> Chunk:
    """`Anna thinks that her brother will come back`."""
    speaker, subject = person(dice), person(dice)
    while same_people(speaker, subject):
        subject = person(dice)
    outer = read(dice.pick(_THINKING))
    said = Predicate(outer, (fixed("that/SCONJ = que/SCONJ"),))
    past = outer.momentary
    told = clause(dice, speaker, said, "past" if past else "present")
    if dice.chance(0.5) and outer.en.base != "hope":
        cause = dice.pick(PERSONAL)[0]
        while showing(cause) and not subject.gender:
            subject = person(dice, clear=True)
        return told.then(state_clause(dice, cause, subject, "past" if past else "present"), STOP)
    inner = doing(dice)
    while inner.state or "o" in inner.flags:
        inner = doing(dice)
    tense = (
        "imperfect" if past else "future" if outer.en.base == "hope" else dice.pick(("future", "near", "can"))
    )
    if past and inner.momentary:
        return told.then(state_clause(dice, "has a fever", subject, "past"), STOP)
    at = when(dice, tense, inner.flags) if tense != "can" and dice.chance(0.5) else EMPTY
    return told.then(clause(dice, subject, predicate(dice, inner), tense), at, STOP)


_ASKED = (
    "why/ADV = pourquoi/ADV",
    "where/ADV = où/ADV",
    "when/ADV = quand/ADV",
    "if/SCONJ = si/SCONJ",
    "how/ADV = comment/ADV",
)


def wondering(dice: Dice) -> Chunk:
    """`I don't know why she is crying`."""
    spec = dice.pick(_ASKED)
    speaker, subject = person(dice), person(dice)
    while same_people(speaker, subject):
        subject = person(dice)
    base = dice.pick(
        SUITED.get(spec.split("/")[0], ("come", "work", "sell", "buy", "swim", "drive", "travel", "invite"))
    )
    chosen = dice.pick(tuple(entry for entry in verbs() if entry.en.base == base and not entry.state))
    frame = dice.pick(chosen.frames)
    if spec.startswith("where"):
        frame = tuple(part for part in frame if part.partition(".")[0] not in ("at", "in", "on", "to"))
    tense = "future" if spec.startswith(("when", "if")) else dice.pick(("future", "past"))
    if spec.startswith("why"):
        tense = "past" if chosen.momentary or dice.chance(0.5) else "progressive"
    if tense == "past" and chosen.with_etre and not subject.gender:
        subject = named(dice)
        while same_people(speaker, subject):
            subject = named(dice)
    knows = read("know knew|savoir|s|")
    told = clause(dice, speaker, Predicate(knows, (fixed(spec),)), "present", "not")
    return told.then(
        clause(dice, subject, Predicate(chosen, tuple(slot(part) for part in frame)), tense), STOP
    )


def recalling(dice: Dice) -> Chunk:
    """`I bought a skirt, but I lost it`: the French pronoun has the gender of the noun it stands for."""
    first, themes, second = dice.pick((
        ("buy", "clothes+carried", "lose"), ("buy", "clothes+carried", "forget"),
        ("look for", "carried+pair", "find"),
        ("buy", "vehicle", "sell"), ("write", "mail", "send"), ("find", "carried", "lose"),
        ("paint", "furniture", "sell"),
        ("choose", "present", "give"), ("wash", "dishes", "break"), ("buy", "dishes", "break"),
        ("buy", "printed+novel", "read"),
    ))  # fmt: skip
    chosen = dice.pick(nouns(themes))
    many = chosen.only_plural or (chosen.countable and dice.chance(0.35))
    subject = person(dice)
    kind = "some" if many else "a"
    if first in ("look for", "wash"):
        kind = dice.pick(("the", subject.own))
    thing = noun_phrase(kind, chosen, many)
    it = (
        ObjectPronoun("them", "les", chosen.gender, True, True)
        if many
        else ObjectPronoun("it", "la" if chosen.gender == "f" else "le", chosen.gender, False, True)
    )
    told = clause(dice, subject, Predicate(verb(first), (lambda dice, scene: thing,)), "past")
    after = (slot("to.person"),) if second in ("send", "give") else ()
    negated = second in ("find", "read", "sell") and dice.chance(0.5)
    joint = (
        say("but/CCONJ = mais/CCONJ")
        if negated or second in ("lose", "forget", "break")
        else say("and/CCONJ = et/CCONJ")
    )
    comma = EMPTY if joint.en[0].text == "and" else say(COMMA)
    again = clause(
        dice, anaphor(subject), Predicate(verb(second), after, it), "past", "not" if negated else ""
    )
    return told.then(comma, joint, again, STOP)
