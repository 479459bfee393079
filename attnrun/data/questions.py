"""Questions on passages, whose answers stand in them: of a grammar of our own, or SQuAD's JSON."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple

import torch
from annotated_types import Ge, Le
from torch import Tensor

from attnrun.data import words
from attnrun.data.batching import Order, Sequences, bucketed_order, sequential_order
from attnrun.data.labelled import part
from attnrun.data.reading import existing_file
from attnrun.data.vocabulary import Vocabulary
from attnrun.errors import UserError
from attnrun.ranges import Fraction, PositiveInt

_NAMES = (
    "Anna", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Henry", "Ida", "Jonas", "Klara", "Leo",
    "Mona", "Nils", "Olga", "Paul",
)  # fmt: skip
_VERBS = (
    ("bought", "buy"), ("lost", "lose"), ("found", "find"), ("broke", "break"), ("sold", "sell"),
    ("painted", "paint"), ("cleaned", "clean"), ("hid", "hide"), ("stole", "steal"), ("saw", "see"),
)  # fmt: skip
_THINGS = (
    "lamp", "clock", "ring", "key", "book", "chair", "coat", "map", "bottle", "letter", "camera", "basket",
    "violin", "mirror", "ladder", "hat",
)  # fmt: skip
_PLACES = (
    "in the kitchen", "in the garden", "at the station", "at the market", "near the bridge", "on the roof",
    "behind the church", "under the stairs", "in the library", "at the harbour",
)  # fmt: skip
_TIMES = (
    "yesterday", "last night", "on Monday", "on Friday", "in May", "this morning", "at noon", "last year",
)  # fmt: skip
_KINDS = ("who", "what", "where", "when")
_SHARED = {
    "who": ("verb", "thing"),
    "what": ("name", "verb"),
    "where": ("name", "thing"),
    "when": ("name", "thing"),
}  # what a question names
_LARGEST = 2**29  # bytes of a file; SQuAD takes 40 MB
_KIND_NAMES = {list: "a list", str: "a text", int: "a number"}

Facts = Annotated[int, Ge(2), Le(50)]  # at two, more stories than anyone can draw


class Question(NamedTuple):
    """A passage, a question on it, and what counts as an answer; `start` is where the first one begins."""

    passage: str
    text: str
    answers: tuple[str, ...]
    start: int


@dataclass(frozen=True)
class Questions:
    """Questions in the splits `train`, `valid` and `test`; `dropped` had no answer where they said it is."""

    train: list[Question]
    valid: list[Question]
    test: list[Question]
    dropped: int = 0


@dataclass(frozen=True)
class _Fact:
    name: str
    verb: tuple[str, str]  # past, base
    thing: str
    place: str
    time: str

    def told(self, early: bool) -> str:
        rest = f"{self.name} {self.verb[0]} the {self.thing} {self.place}"
        return f"{self.time[0].upper()}{self.time[1:]}, {rest}." if early else f"{rest} {self.time}."


def stories(
    seed: int,
    *,
    facts: Facts = 10,
    train: PositiveInt = 3000,
    valid: PositiveInt = 500,
    test: PositiveInt = 1000,
) -> Questions:
    """Draw passages of so many sentences, who did what where and when, with a question each.

    It names two things of the one sentence that answers it; others name one of them. No passage occurs twice.
    """
    generator = random.Random(seed)
    drawn = dict[str, Question]()
    wanted = train + valid + test
    while len(drawn) < wanted:
        made = _story(generator, facts)
        if made is not None:
            drawn.setdefault(made.passage, made)
    whole = list(drawn.values())
    return Questions(whole[:train], whole[train : train + valid], whole[train + valid :])


def squad(
    seed: int, *, path: str, valid: Fraction = 0.1, test: Fraction = 0.1, limit: PositiveInt | None = None
) -> Questions:
    """Read a file in the form of SQuAD (Rajpurkar et al. 2016), version 1.1 or 2.0.

    Args:
        path: the file.
        valid: share of the passages to choose the best weights by, those whose text has the least hash.
        test: share of the passages to test on.
        limit: train on the first so many questions only.

    Questions marked impossible, and those whose answer does not stand where they say, are left out.

    Raises:
        UserError: the file is not of this form; the message names the place in it.
    """
    del seed
    document = _document(path)
    found = list(_questions(document, path))
    kept = [one for one in found if one is not None]
    parts = part(((one, one.passage) for one in kept), valid, test, path)
    return Questions(parts["train"][:limit], parts["valid"], parts["test"], len(found) - len(kept))


@dataclass(frozen=True)
class Batch:
    """Some questions side by side; B of them, N tokens of a passage, M of a question."""

    passages: Tensor  # (B, N) int64, padded with 0
    passage_lengths: Tensor  # (B,)
    questions: Tensor  # (B, M) int64, padded with 0
    question_lengths: Tensor  # (B,)
    spans: Tensor  # (B, 2): first and last token of the answer

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on `device`."""
        return replace(self, **{name: value.to(device) for name, value in vars(self).items()})


class QuestionBatches:
    """What the training loop draws from: `order(epoch)` and `collate(indices)`; nothing in it changes."""

    def __init__(self, rows: Sequence[Question], vocabulary: Vocabulary, batch_size: int, seed: int) -> None:
        self.passages = Sequences(vocabulary.encode(tokens_of(one.passage)) for one in rows)
        self.questions = Sequences(vocabulary.encode(tokens_of(one.text)) for one in rows)
        self.spans = torch.tensor([span_of(one) for one in rows]).reshape(-1, 2)
        self.batch_size, self.seed = batch_size, seed

    def order(self, epoch: int) -> Order:
        """Return the shuffled batches of an epoch, by index: passages of about equal length together."""
        return bucketed_order(self.passages.lengths, self.batch_size, self.seed, epoch)

    def sequential(self) -> Order:
        """Return the batches for evaluation, the longest passages first."""
        return sequential_order(self.passages.lengths, self.batch_size)

    def collate(self, indices: Sequence[int]) -> Batch:
        """Return the questions with these indices as one batch."""
        both = self.passages.padded(indices), self.questions.padded(indices)
        return Batch(*both[0], *both[1], self.spans[list(indices)])

    def fingerprint(self) -> str:
        """Return a hash of the questions in their order."""
        spans = Sequences(self.spans.tolist())
        return "".join(one.fingerprint() for one in (self.passages, self.questions, spans))


def tokens_of(text: str) -> list[str]:
    """Return the words and punctuation marks of a text, lower-cased."""
    return [text[start:end].lower() for start, end in words.spans(text)]


def span_of(one: Question) -> tuple[int, int]:
    """Return the first and the last token of the passage that the first answer touches."""
    end = one.start + len(one.answers[0])
    touched = [
        place
        for place, (first, last) in enumerate(words.spans(one.passage))
        if first < end and last > one.start
    ]
    return touched[0], touched[-1]


def _story(generator: random.Random, facts: int) -> Question | None:
    """A story, None where by chance two of its sentences answer the question."""
    told = [_fact(generator) for _ in range(facts)]
    asked, kind = generator.choice(told), generator.choice(_KINDS)
    for place, other in enumerate(told):  # each shares something with what is asked for
        if other is not asked and generator.random() < 0.7:
            told[place] = replace(other, **{(key := generator.choice(_SHARED[kind])): getattr(asked, key)})
    if sum(all(getattr(one, key) == getattr(asked, key) for key in _SHARED[kind]) for one in told) > 1:
        return None
    passage = " ".join(one.told(generator.random() < 0.3) for one in told)
    return _asked(passage, asked, kind)


def _fact(generator: random.Random) -> _Fact:
    draw = generator.choice
    return _Fact(draw(_NAMES), draw(_VERBS), draw(_THINGS), draw(_PLACES), draw(_TIMES))


def _asked(passage: str, fact: _Fact, kind: str) -> Question:
    past, base = fact.verb
    text, answer = {
        "who": (f"Who {past} the {fact.thing}?", fact.name),
        "what": (f"What thing did {fact.name} {base}?", f"the {fact.thing}"),
        "where": (f"Where did {fact.name} {base} the {fact.thing}?", fact.place),
        "when": (f"When did {fact.name} {base} the {fact.thing}?", fact.time),
    }[kind]
    late, early = fact.told(False), fact.told(True)
    sentence = late if late in passage else early
    start = passage.index(sentence) + sentence.lower().index(answer.lower())
    return Question(passage, text, (passage[start : start + len(answer)],), start)


def _document(path: str) -> list[Any]:
    file = existing_file(path)
    if file.stat().st_size > _LARGEST:
        raise UserError(f"{file}: larger than {_LARGEST // 2**20} MiB")
    try:
        found = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:  # no JSON, or no UTF-8
        raise UserError(f"{file}: not JSON: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("data"), list):
        raise UserError(f"{file}: SQuAD's form is an object with a list 'data'")
    articles: list[Any] = found["data"]
    return articles


def _questions(articles: list[Any], path: str) -> Iterator[Question | None]:
    """Yield each question, None for one whose answer is not where it says."""
    for place, article in enumerate(articles):
        for number, paragraph in enumerate(_part(article, "paragraphs", list, f"{path}: data[{place}]")):
            where = f"{path}: data[{place}].paragraphs[{number}]"
            passage = _part(paragraph, "context", str, where)
            for count, asked in enumerate(_part(paragraph, "qas", list, where)):
                yield _question(passage, asked, f"{where}.qas[{count}]")


def _question(passage: str, asked: Any, where: str) -> Question | None:
    text = _part(asked, "question", str, where)
    answers = _part(asked, "answers", list, where)
    if asked.get("is_impossible") or not answers:
        return None
    texts = tuple(_part(one, "text", str, where) for one in answers)
    start = _part(answers[0], "answer_start", int, where)
    one = Question(passage, text, texts, start)
    stands = texts[0] and passage[start : start + len(texts[0])] == texts[0] and start >= 0
    return one if stands and tokens_of(texts[0]) and tokens_of(text) else None


def _part(whole: Any, key: str, kind: type, where: str) -> Any:
    found = whole.get(key) if isinstance(whole, dict) else None
    if not isinstance(found, kind):
        raise UserError(f"{where}: no {key!r} that is {_KIND_NAMES[kind]}")
    return found
