"""Clauses: verb groups of both languages side by side, with negation, object pronouns, adverbs and questions.

Tenses are named for what decides the English form. French follows: `past` is the passé composé of an event
and the imparfait of a state, `progressive` and `present` are both the present; the rest is in `_AUXILIARIES`
and `_SIMPLE`.
"""

from collections.abc import Callable
from typing import NamedTuple

from attnrun.data.phrases.chunk import EMPTY, Chunk, Mark, Token, Tokens, say, word
from attnrun.data.phrases.dice import Dice
from attnrun.data.phrases.english_verbs import Forms, finite
from attnrun.data.phrases.french_verbs import conjugate, imperative, participle
from attnrun.data.phrases.nominal import Subject


class Verb(NamedTuple):
    """A verb of both languages with what it takes."""

    en: Forms
    particle: str  # "for" in "look for", "up" in "get up"
    separable: bool  # a pronoun stands before the particle: "put it on"
    fr: str
    reflexive: bool
    with_etre: bool
    tail: tuple[tuple[str, str], ...]  # (word, tag) of "besoin de" in "avoir besoin de"
    state: bool  # simple present at the moment of speaking, imparfait in the past
    flags: str  # see the table of verbs
    frames: tuple[tuple[str, ...], ...]

    @property
    def momentary(self) -> bool:
        """Whether it has no progressive tense."""
        return "m" in self.flags


class Scene(NamedTuple):
    """What a complement may depend on."""

    subject: Subject
    tense: str
    negation: str


NOBODY = Subject(EMPTY, 2, "m", "his")
NOWHERE = Scene(NOBODY, "present", "")  # for complements that depend on nothing
Slot = Callable[[Dice, Scene], Chunk]


class ObjectPronoun(NamedTuple):
    """A pronoun after the English verb and before the French one."""

    en: str
    fr: str
    gender: str
    plural: bool
    direct: bool


class Predicate(NamedTuple):
    """A verb with its complements, perhaps one of them a pronoun and one an adverb in the middle."""

    verb: Verb
    slots: tuple[Slot, ...] = ()
    pronoun: ObjectPronoun | None = None
    adverb: str = ""  # in the notation of `say`
    agrees: tuple[str, bool] | None = (
        None  # gender and number of an object already named: "the letter that I wrote"
    )


class _Marks(NamedTuple):
    verb: Mark
    auxiliary: Mark
    negation: Mark


REFLEXIVE = ("me", "te", "se", "nous", "vous", "se")
# tense -> French auxiliary verb, its tense, its preposition; the main verb follows in the infinitive
_AUXILIARIES = {
    "near": ("aller", "present", ""), "recent": ("venir", "present", "de"), "can": ("pouvoir", "present", ""),
    "must": ("devoir", "present", ""), "would": ("aimer", "would", ""),
}  # fmt: skip
_SIMPLE = {
    "present": "present", "habit": "present", "progressive": "present", "future": "future", "then": "future",
    "imperfect": "imperfect", "used": "imperfect", "past": "imperfect"
}  # fmt: skip
# tense -> English words before the main verb (`be` and `have` are conjugated), form of the main verb
_ENGLISH = {
    "progressive": ("be", "ing"), "future": ("will", "base"), "near": ("be going to", "base"),
    "imperfect": ("was", "ing"), "used": ("used to", "base"), "recent": ("have just", "participle"),
    "perfect": ("have", "participle"), "can": ("can", "base"), "must": ("must", "base"),
    "would": ("would like to", "base"),
}  # fmt: skip
_NEGATIVE_STEM = {"can": "ca", "will": "wo", "am": "am"}
_FRENCH_NEGATION = {"not": ("pas",), "never": ("jamais",), "anymore": ("plus",), "yet": ("pas", "encore")}
_PARTICLES = {
    "home": "ADV",
    "bed": "NOUN",
    "fun": "NOUN",
    "dressed": "ADJ",
    "back": "ADV",
    "lunch": "NOUN",
    "dinner": "NOUN",
}
_TAGS = {"to": "PART", "going": "VERB", "like": "VERB", "used": "VERB", "just": "ADV"}


def clause(
    dice: Dice,
    subject: Subject,
    predicate: Predicate,
    tense: str,
    negation: str = "",
    question: Chunk | None = None,
) -> Chunk:
    """Return a finite clause without punctuation; `question` is a question word, or EMPTY for yes or no."""
    marks = _marks(predicate.verb, tense, negation)
    scene = Scene(subject, tense, negation)
    complements = EMPTY.then(*(slot(dice, scene) for slot in predicate.slots))
    adverb = say(predicate.adverb) if predicate.adverb else EMPTY
    auxiliary, rest = _english(predicate, subject, tense, negation, question is not None, marks)
    final = _final_negation(negation, marks)
    fr = _french(predicate, subject, tense, negation, marks, adverb.fr) + complements.fr
    if question is None:
        never = word("never", "ADV", marks.negation) if negation == "never" else ()
        en = subject.chunk.en + auxiliary + never + adverb.en + rest + complements.en + final
        return Chunk(en, subject.chunk.fr + fr)
    asked = object()
    first = auxiliary[0]._replace(marks=(*auxiliary[0].marks, asked))
    en = question.en + (first,) + auxiliary[1:2] * bool(negation) + subject.chunk.en
    en += auxiliary[1 + bool(negation) :] + adverb.en + rest + complements.en + final
    return Chunk(en, question.fr + est_ce_que(asked) + subject.chunk.fr + fr)


def est_ce_que(mark: Mark) -> Tokens:
    """Return the tokens of `est-ce que`."""
    return word("est-ce", "AUX", mark) + word("que", "SCONJ", mark)


def _marks(verb: Verb, tense: str, negation: str) -> _Marks:
    """Give the auxiliary a mark of its own where both languages have one."""
    main = object()
    french_auxiliary = tense in _AUXILIARIES or (tense in ("past", "perfect") and not verb.state)
    english_auxiliary = tense in _ENGLISH or (tense == "past" and negation not in ("", "never"))
    return _Marks(main, object() if french_auxiliary and english_auxiliary else main, object())


def _english(
    predicate: Predicate, subject: Subject, tense: str, negation: str, asks: bool, marks: _Marks
) -> tuple[Tokens, Tokens]:
    """Return the auxiliaries with `n't`, and the main verb with its object pronoun and particle."""
    verb, negated = predicate.verb, negation not in ("", "never")
    form_tense = "past" if tense == "past" else "present"
    if tense in _ENGLISH:
        helper, form = _ENGLISH[tense]
        texts = [_helper(text, subject.person) for text in helper.split()]
        main = getattr(verb.en, form)
    elif verb.en.base == "be":
        texts, main = [finite(verb.en, form_tense, subject.person)], ""
    elif asks or negated:
        texts = ["did" if tense == "past" else "does" if subject.person == 2 else "do"]
        main = verb.en.base
    else:
        texts, main = [], finite(verb.en, form_tense, subject.person)
    auxiliary: Tokens = tuple(Token(text, _TAGS.get(text, "AUX"), (marks.auxiliary,)) for text in texts)
    if negated:
        auxiliary = _negate(auxiliary, marks)
    return auxiliary, _main(main, predicate, marks.verb)


def _helper(text: str, person: int) -> str:
    if text == "be":
        return ("am", "are", "is", "are", "are", "are")[person]
    if text == "have":
        return "has" if person == 2 else "have"
    if text == "was":
        return "was" if person in (0, 2) else "were"
    return text


def _negate(auxiliary: Tokens, marks: _Marks) -> Tokens:
    first, *others = auxiliary
    if first.text == "am":
        return (first, Token("not", "PART", (marks.negation,)), *others)
    stem = _NEGATIVE_STEM.get(first.text, first.text + "n'")
    short = first._replace(text=stem if stem.endswith("'") else stem + "n'")
    return (short, Token("t", "PART", (marks.negation,), True), *others)


def _main(text: str, predicate: Predicate, mark: Mark) -> Tokens:
    verb, pronoun = predicate.verb, predicate.pronoun
    main = word(text, "VERB", mark) if text else ()
    particle = tuple(Token(text, _PARTICLES.get(text, "ADP"), (mark,)) for text in verb.particle.split())
    if pronoun is None:
        return main + particle
    # the mark is the pronoun's own value: one pronoun a clause, so nothing else can carry it
    spoken = word(pronoun.en, "PRON", pronoun)
    if not pronoun.direct and verb.particle == "to":
        return main + word("to", "ADP", pronoun) + spoken
    return main + spoken + particle if verb.separable else main + particle + spoken


def _final_negation(negation: str, marks: _Marks) -> Tokens:
    return word(negation, "ADV", marks.negation) if negation in ("anymore", "yet") else ()


def _french(
    predicate: Predicate, subject: Subject, tense: str, negation: str, marks: _Marks, adverb: Tokens
) -> Tokens:
    verb = predicate.verb
    ne = word("ne", "ADV", marks.negation) if negation else ()
    after = tuple(Token(text, "ADV", (marks.negation,)) for text in _FRENCH_NEGATION.get(negation, ()))
    after += adverb
    clitics = _clitics(predicate, subject, marks)
    tail = tuple(Token(text, tag, (marks.verb,)) for text, tag in verb.tail)
    if tense in _AUXILIARIES:
        helper, helper_tense, preposition = _AUXILIARIES[tense]
        finite_verb = word(conjugate(helper, helper_tense, subject.person), "AUX", marks.auxiliary)
        link = word(preposition, "ADP", marks.auxiliary) if preposition else ()
        return ne + finite_verb + after + link + clitics + word(verb.fr, "VERB", marks.verb) + tail
    if tense == "perfect" or (tense == "past" and not verb.state):
        helper = "être" if verb.with_etre else "avoir"
        spoken = word(conjugate(helper, "present", subject.person), "AUX", marks.auxiliary)
        past = word(_past(predicate, subject), "VERB", marks.verb)
        return ne + clitics + spoken + after + past + tail
    form = conjugate(verb.fr, _SIMPLE[tense], subject.person)
    tag = "AUX" if verb.fr == "être" else "VERB"
    return ne + clitics + word(form, tag, marks.verb) + after + tail


def _clitics(predicate: Predicate, subject: Subject, marks: _Marks) -> Tokens:
    if predicate.pronoun is not None:
        return word(predicate.pronoun.fr, "PRON", predicate.pronoun)
    if predicate.verb.reflexive:
        return word(REFLEXIVE[subject.person], "PRON", marks.verb)
    return ()


def _past(predicate: Predicate, subject: Subject) -> str:
    """Return the participle, which agrees with the subject after être, with a direct object before avoir."""
    verb, pronoun = predicate.verb, predicate.pronoun
    if verb.with_etre:
        assert subject.gender, "être in the passé composé shows a gender that English does not"
        return participle(verb.fr, subject.gender, subject.plural)
    if pronoun is not None and pronoun.direct:
        assert pronoun.gender, "the agreement of the participle would show a gender that English does not"
        return participle(verb.fr, pronoun.gender, pronoun.plural)
    if predicate.agrees is not None:
        return participle(verb.fr, *predicate.agrees)
    return participle(verb.fr)


def infinitive(dice: Dice, scene: Scene, predicate: Predicate, preposition: str = "") -> Chunk:
    """Return `to get up` with `se lever`, after French `de` or `à` where the verb before asks for it."""
    marks = _Marks(object(), object(), object())
    verb = predicate.verb
    link = object() if preposition else marks.verb
    if preposition:  # `de vendre une voiture`: a negation does not reach behind the preposition
        scene = scene._replace(negation="")
    complements = EMPTY.then(*(slot(dice, scene) for slot in predicate.slots))
    en = word("to", "PART", link) + _main(verb.en.base, predicate, marks.verb) + complements.en
    fr = word(preposition, "ADP", link) if preposition else ()
    fr += _clitics(predicate, scene.subject, marks) + word(verb.fr, "VERB", marks.verb)
    fr += tuple(Token(text, tag, (marks.verb,)) for text, tag in verb.tail)
    return Chunk(en, fr + complements.fr)


YOU = Subject(say("you/PRON = tu/PRON"), 1, "", "your", True)


def command(dice: Dice, predicate: Predicate, negated: bool = False) -> Chunk:
    """Return an imperative to one person: `Don't forget your keys`, `N'oublie pas tes clés`."""
    verb, marks = predicate.verb, _Marks(object(), object(), object())
    scene = Scene(YOU, "imperative", "not" if negated else "")
    complements = EMPTY.then(*(slot(dice, scene) for slot in predicate.slots))
    en = _main(verb.en.base, predicate, marks.verb)
    spoken = word(imperative(verb.fr), "VERB", marks.verb)
    tail = tuple(Token(text, tag, (marks.verb,)) for text, tag in verb.tail)
    if negated:
        en = (Token("don'", "AUX", (marks.verb,)), Token("t", "PART", (marks.negation,), True), *en)
        clitics = _clitics(predicate, YOU, marks)
        pas = word("ne", "ADV", marks.negation) + clitics + spoken + word("pas", "ADV", marks.negation)
        return Chunk(en + complements.en, pas + tail + complements.fr)
    return Chunk(en + complements.en, spoken + _after_imperative(predicate, marks) + tail + complements.fr)


def _after_imperative(predicate: Predicate, marks: _Marks) -> Tokens:
    """Return `-toi`, `-le`, `-moi` behind a French imperative."""
    if predicate.pronoun is not None:
        form = predicate.pronoun.fr
        mark: Mark = predicate.pronoun
    elif predicate.verb.reflexive:
        form, mark = "te", marks.verb
    else:
        return ()
    form = {"te": "toi", "me": "moi"}.get(form, form)
    return (Token("-", "PUNCT", (mark,), True), Token(form, "PRON", (mark,), True))
