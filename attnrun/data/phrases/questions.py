"""Questions: yes or no with est-ce que, question words, and the verb `be` with inversion."""

from attnrun.data.phrases.adverbials import when
from attnrun.data.phrases.chunk import EMPTY, Chunk, Tokens, glued, say, word
from attnrun.data.phrases.clause import NOWHERE, Predicate, clause
from attnrun.data.phrases.complements import predicate, slot, state
from attnrun.data.phrases.dice import Dice
from attnrun.data.phrases.english_verbs import finite
from attnrun.data.phrases.french_verbs import conjugate
from attnrun.data.phrases.lexicon.nouns import nouns
from attnrun.data.phrases.lexicon.verbs import verb, verbs
from attnrun.data.phrases.nominal import Subject, noun_phrase
from attnrun.data.phrases.simple import BE, MARK, doing, tense_for
from attnrun.data.phrases.subjects import person, thing

_WH = (
    "where/ADV = où/ADV",
    "when/ADV = quand/ADV",
    "why/ADV = pourquoi/ADV",
    "how/ADV = comment/ADV",
    "at/ADP/1 what/DET/2 time/NOUN/3 = à/ADP/1 quelle/DET/2 heure/NOUN/3",
)
# verbs that a question word suits, by the question word
SUITED = {
    "where": ("work", "sleep", "buy", "find", "study", "lose", "run", "swim"),
    "when": ("buy", "visit", "sell", "clean", "call", "invite", "travel", "rent", "repair"),
    "why": ("cry", "laugh", "stay", "open", "close", "hide", "sell", "wait", "thank", "break"),
    "how": ("learn", "repair", "build", "find", "open", "paint"),
    "at": ("get", "leave", "wake", "arrive", "make", "have"),
}


def _not_i(dice: Dice, clear: bool) -> Subject:
    subject = person(dice, clear)
    while subject.person == 0 and subject.pronoun:
        subject = person(dice, clear)
    return subject


def yes_or_no(dice: Dice) -> Chunk:
    """`Did she lose her keys?`"""
    asked = doing(dice)
    subject = _not_i(dice, asked.with_etre and dice.chance(0.4))
    tense = tense_for(dice, asked, subject)
    if tense in ("perfect", "recent", "must", "imperfect", "habit"):
        tense = "future"
    told = clause(dice, subject, predicate(dice, asked), tense, question=EMPTY)
    at = when(dice, tense, asked.flags) if not asked.state and dice.chance(0.5) else EMPTY
    return told.then(at, MARK)


def wh(dice: Dice) -> Chunk:
    """`Where did you buy this hat?`"""
    spec = dice.pick(_WH)
    english = spec.split("/")[0]
    base = dice.pick(SUITED[english])
    asked = dice.pick(tuple(entry for entry in verbs() if entry.en.base == base and not entry.state))
    frame = dice.pick(asked.frames)
    if english in ("where", "at", "why"):
        frame = tuple(part for part in frame if part.partition(".")[0] not in ("at", "in", "on", "to"))
    if english == "how" and asked.fr == "apprendre":
        frame = ("gen.language",)
    subject = _not_i(dice, asked.with_etre)
    tense = dice.pick(
        ("past", "past", "future", "progressive")
        if not asked.momentary
        else ("past", "past" if "o" in asked.flags else "future")
    )
    if english in ("at", "how", "when") or (english == "where" and tense == "progressive"):
        tense = dice.pick(("past", "future"))
    done = Predicate(asked, tuple(slot(part) for part in frame))
    return clause(dice, subject, done, tense, question=say(spec)).then(MARK)


_THINGS = (
    "buy",
    "eat",
    "drink",
    "read",
    "write",
    "look",
    "find",
    "lose",
    "forget",
    "watch",
    "choose",
    "want",
    "see",
    "draw",
    "sell",
)


def what(dice: Dice) -> Chunk:
    """`What are you eating?`"""
    base = dice.pick(_THINGS)
    asked = dice.pick(tuple(entry for entry in verbs() if entry.en.base == base))
    subject = _not_i(dice, False)
    tense = tense_for(dice, asked, subject)
    if tense in ("perfect", "recent", "must", "habit", "imperfect"):
        tense = "past"
    where = (
        slot(dice.pick(("at.place", "in.city")))(dice, NOWHERE)
        if base in ("buy", "see", "find", "lose")
        else EMPTY
    )
    at = when(dice, tense) if dice.chance(0.4) and not asked.state else EMPTY
    return clause(dice, subject, Predicate(asked), tense, question=say("what/PRON = que/PRON")).then(
        where, at, MARK
    )


def who(dice: Dice) -> Chunk:
    """`Who took my umbrella?`: the question word is the subject."""
    asked = doing(dice)
    subject = Subject(say("who/PRON = qui/PRON"), 2, "m", dice.pick(("my", "your", "our")))
    tense = (
        "present"
        if asked.state
        else "past"
        if "o" in asked.flags
        else dice.pick(("past", "past", "future", "near"))
    )
    return clause(dice, subject, predicate(dice, asked), tense).then(MARK)


def which(dice: Dice) -> Chunk:
    """`Which dress do you prefer?`"""
    base, themes = dice.pick(
        (
            ("prefer", "clothes+present+fruit+show"),
            ("choose", "clothes+present+vehicle"),
            ("want", "fruit+present"),
            ("buy", "clothes+vehicle+furniture"),
            ("read", "reading"),
            ("watch", "show"),
            ("visit", "museum+castle+church+zoo+university"),
            ("like", "sport+subject"),
        )
    )
    if base == "like":
        themes = "screen+fruit+pet"
    asked = next(entry for entry in verbs() if entry.en.base == base)
    chosen = dice.pick(nouns(themes))
    plural = chosen.countable and (base in ("like", "want") or dice.chance(0.3))
    subject = _not_i(dice, False)
    tense = "present" if asked.state else dice.pick(("future", "near"))
    return clause(dice, subject, Predicate(asked), tense, question=noun_phrase("which", chosen, plural)).then(
        MARK
    )


def how_many(dice: Dice) -> Chunk:
    """`How many brothers do you have?`"""
    base, themes = dice.pick(
        (
            ("have", "kin+pet+farm animal"),
            ("buy", "fruit+clothes+reading"),
            ("eat", "fruit"),
            ("want", "fruit+present"),
            ("read", "reading"),
            ("write", "reading"),
            ("see", "animal"),
            ("sell", "vehicle"),
        )
    )
    asked = verb(base, "avoir" if base == "have" else "")
    chosen = dice.pick(tuple(entry for entry in nouns(themes) if entry.countable))
    many = say("how/ADV/1 many/ADJ/1 = combien/ADV/1 de/ADP/1").then(noun_phrase("none", chosen, True))
    subject = _not_i(dice, False)
    tense = "present" if asked.state else "future"
    return clause(dice, subject, Predicate(asked), tense, question=many).then(MARK)


def being(dice: Dice) -> Chunk:
    """`Are you ready?`, `Is the soup hot?`"""
    subject = _not_i(dice, False)
    return clause(
        dice, subject, Predicate(BE, (state,)), dice.pick(("present", "present", "past")), question=EMPTY
    ).then(MARK)


_PLAIN = (
    "where/ADV = où/ADV",
    "where/ADV = où/ADV",
    "how/ADV = comment/ADV",
    "who/PRON = qui/PRON",
    "how/ADV/1 much/ADV/1 = combien/ADV/1",
    "how/ADV/1 old/ADJ/2 = quel/DET/1 âge/NOUN/2",
    "what/DET/1 colour/NOUN/2 = de/ADP/1 quelle/DET/1 couleur/NOUN/2",
)


def inverted(dice: Dice) -> Chunk:
    """`Where is the bank?`, `How old is your sister?`: the French verb comes before its subject."""
    spec = dice.pick(_PLAIN)
    english, be = spec.split(" = ")[0], object()
    if english.startswith("how/ADV/1 much"):
        return _price(dice, spec)
    past = dice.chance(0.3) and not english.startswith(("who", "how/ADV/1 old"))
    if english.startswith("where"):
        subject = dice.pick(
            (
                thing(dice, "carried+pair+reading+dishes", dice.pick(("the", "my", "your"))),
                thing(dice, "place", "the", 0),
                _not_i(dice, False),
            )
        )
    elif english.startswith("what"):
        subject = thing(dice, "clothes+pair+vehicle+furniture+carried", dice.pick(("the", "your")), 0.3, 0)
    else:
        subject = _not_i(dice, False)
        while english.startswith("who") and (subject.pronoun or subject.chunk.en[0].tag == "PROPN"):
            subject = _not_i(dice, False)
        while english.startswith("how/ADV/1 old") and subject.chunk.en[0].text in ("the", "we"):
            subject = _not_i(dice, False)
    french_verb = "avoir" if "âge" in spec else "être"
    return say(spec).then(_inverted(subject, french_verb, past, be), MARK)


def _inverted(subject: Subject, french: str, past: bool, be: object) -> Chunk:
    en = word(finite(BE.en, "past" if past else "present", subject.person), "AUX", be) + subject.chunk.en
    fr = word(
        conjugate(french, "imperfect" if past else "present", subject.person),
        "AUX" if french == "être" else "VERB",
        be,
    )
    if not subject.pronoun:
        return Chunk(en, fr + subject.chunk.fr)
    last = subject.chunk.fr[0]
    hyphen: Tokens = (glued("-", "PUNCT", *last.marks),)
    if fr[-1].text.endswith("a") and last.text in ("il", "elle"):
        hyphen += (glued("t", "PART", *last.marks), glued("-", "PUNCT", *last.marks))
    return Chunk(en, fr + hyphen + (last._replace(glued=True),))


def _price(dice: Dice, spec: str) -> Chunk:
    subject = thing(
        dice, "clothes+pair+carried+present+fruit+dishes+furniture", dice.pick(("the", "this")), 0.3, 0.2
    )
    cost = object()
    en = word("do" if subject.plural else "does", "AUX", cost) + subject.chunk.en + word("cost", "VERB", cost)
    fr = word("coûtent" if subject.plural else "coûte", "VERB", cost) + subject.chunk.fr
    return say(spec).then(Chunk(en, fr), MARK)
