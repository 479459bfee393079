"""Sentences about how people are: moods and traits, feelings, professions, comparisons."""

from attnrun.data.phrases.adverbials import when
from attnrun.data.phrases.chunk import EMPTY, Chunk, word
from attnrun.data.phrases.clause import Predicate, Scene, clause
from attnrun.data.phrases.complements import fixed, slot, to_do
from attnrun.data.phrases.dice import Dice
from attnrun.data.phrases.lexicon.adjectives import Adjective, states, traits
from attnrun.data.phrases.lexicon.idioms import ACHES, PROFESSIONS, WITH_AVOIR
from attnrun.data.phrases.lexicon.verbs import read
from attnrun.data.phrases.nominal import Subject
from attnrun.data.phrases.simple import BE, BE_FEELING, HAVE, STATE_TENSES, STOP, act, plainly, very
from attnrun.data.phrases.subjects import named, person


def being(dice: Dice) -> Chunk:
    """`My sister is tired`, `Your brother is very kind`."""
    subject, mood = person(dice), dice.chance(0.5)
    chosen = dice.pick((states if mood else traits)(epicene=not subject.gender))
    done = Predicate(BE, (very(chosen) if dice.chance(0.4) else plainly(chosen),))
    if not mood:
        return clause(
            dice, subject, done, dice.pick(("present", "present", "past")), "not" if dice.chance(0.2) else ""
        ).then(STOP)
    return act(dice, subject, done).then(STOP)


def feeling(dice: Dice) -> Chunk:
    """`Are hungry`, `have a headache`: French says both with avoir."""
    verb, choices = dice.pick(((BE_FEELING, WITH_AVOIR), (HAVE, ACHES)))
    spec = dice.pick(choices)
    tense = dice.pick(STATE_TENSES)
    negation = "not" if spec.startswith(("hungry", "thirsty", "cold", "afraid")) and dice.chance(0.3) else ""
    at = when(dice, tense) if tense != "present" and (tense == "future" or dice.chance(0.5)) else EMPTY
    return clause(dice, person(dice), Predicate(verb, (fixed(spec),)), tense, negation).then(at, STOP)


def profession(dice: Dice) -> Chunk:
    """`My aunt is a doctor`: the profession agrees and takes no article."""
    subject = person(dice, clear=True)
    while subject.plural or subject.chunk.en[0].text == "the":
        subject = person(dice, clear=True)
    english, masculine, feminine = dice.pick(PROFESSIONS).split("=")
    mark = object()
    form = feminine if subject.gender == "f" else masculine
    job = Chunk(word("a", "DET", mark) + word(english, "NOUN", mark), word(form, "NOUN", mark))
    if dice.chance(0.3):
        wants = read("want|vouloir|s|") if dice.chance(0.6) else read("hope|espérer|s|")
        becoming = Predicate(read("become became become|devenir||"), (lambda dice, scene: job,))
        return clause(dice, subject, Predicate(wants, (to_do(becoming),)), "present").then(STOP)
    tense = dice.pick(("present", "past", "future"))
    told = clause(
        dice, subject, Predicate(BE, (lambda dice, scene: job,)), tense, "not" if dice.chance(0.2) else ""
    )
    where = slot(dice.pick(("in.city", "in.country")))(dice, Scene(subject, tense, ""))
    return told.then(where if dice.chance(0.5) else EMPTY, STOP)


def comparing(dice: Dice) -> Chunk:
    """`My brother is taller than your sister`."""
    subject, than = named(dice), named(dice)
    while (
        subject.chunk.en[0].text == "the"
        or than.chunk.en[0].text == "the"
        or than.chunk.en == subject.chunk.en
    ):
        subject, than = named(dice), named(dice)
    chosen = dice.pick(traits())
    said = compared(chosen, subject, dice.pick(("more", "more", "less", "as")))
    told = clause(
        dice, subject, Predicate(BE, (lambda dice, scene: said,)), dice.pick(("present", "present", "past"))
    )
    return told.then(Chunk(than.chunk.en, than.chunk.fr), STOP)


def compared(chosen: Adjective, subject: Subject, degree: str) -> Chunk:
    """Return `taller than`, `less happy than`, `as kind as`."""
    how, head, than = object(), object(), object()
    form = word(chosen.agree(subject.gender or "m", subject.plural), "ADJ", head)
    fr = (
        word({"more": "plus", "less": "moins", "as": "aussi"}[degree], "ADV", how)
        + form
        + word("que", "SCONJ", than)
    )
    if degree == "more" and chosen.comparative:
        en = word(chosen.comparative, "ADJ", how, head)
    else:
        en = word(degree, "ADV", how) + word(chosen.en, "ADJ", head)
    return Chunk(en + word("as" if degree == "as" else "than", "ADP", than), fr)
