"""Where in a passage is the answer to a question? By a pointer at its first and its last word."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from attnrun.analysis.maps import AttentionMap, attention_maps
from attnrun.analysis.plots import draw_losses, heat_map
from attnrun.analysis.watch import WATCHED, Watch
from attnrun.attention import Mechanism
from attnrun.attention.gates import GatedHeads
from attnrun.data import words
from attnrun.data.drawing import drawn
from attnrun.data.questions import Question, QuestionBatches, Questions, tokens_of
from attnrun.data.vocabulary import Vocabulary
from attnrun.errors import UserError
from attnrun.models.span_pointer import SpanPointer, best_spans
from attnrun.ranges import PositiveInt
from attnrun.runs.run import Run
from attnrun.runs.trained import Measured, TrainedRun
from attnrun.training.answers import exact_match, overlap
from attnrun.training.batches import each, evaluation
from attnrun.training.course import Course, fit_best, restore_best
from attnrun.training.development import Development
from attnrun.training.scoring import keep_rows

PRIMARY = ("exact_match", "max")
SEPARATOR = " ||| "  # between a passage and a question, in an input


@dataclass(frozen=True, kw_only=True)
class Config(Mechanism, Course):
    """The keys of a question answering experiment beside the common ones.

    `minimum_frequency` is of words in the training texts; others count as unknown.
    """

    data: Callable[[int], Questions]
    model: Callable[[int, Mechanism], SpanPointer]
    batch_size: PositiveInt = 64
    minimum_frequency: PositiveInt = 1
    longest_answer: PositiveInt = 15  # tokens


@dataclass(frozen=True)
class Reader:
    """A trained model with its words; what `load` returns. An input is a passage, ` ||| ` and a question."""

    model: SpanPointer
    vocabulary: Vocabulary
    device: torch.device
    batch_size: int
    longest_answer: int

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the answers, each a part of its passage as it stands there.

        Raises UserError for an input without a passage or a question.
        """
        return self.answers([_asked(text) for text in inputs])

    def weights(
        self, inputs: Sequence[str], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> list[AttentionMap]:
        """Return where each token of a passage (row) looked in the question (columns).

        Raises UserError where the model has no attention, or not so many layers or heads, and for an input
        without a passage or a question.
        """
        return self.looks([_asked(text) for text in inputs], layers, heads)

    @torch.no_grad()
    def looks(self, rows: Sequence[Question], *chosen: Sequence[int] | None) -> list[AttentionMap]:
        """Return `weights` of questions with their passages; `chosen` are layers and heads."""

        def read(batch: Any) -> list[np.ndarray | None]:
            _, weights = self.model.look(*_sides(batch))
            if weights is None:
                return [None] * len(batch.passages)
            sizes = zip(weights, batch.passage_lengths.tolist(), batch.question_lengths.tolist(), strict=True)
            return [look[..., :tokens, :asked].float().cpu().numpy() for look, tokens, asked in sizes]

        found = each(self.batched(rows), self.device, read)
        passages, questions = [tokens_of(one.passage) for one in rows], [tokens_of(one.text) for one in rows]
        return attention_maps([one.text for one in rows], passages, questions, found, *chosen)

    def answers(self, rows: Sequence[Question]) -> list[str]:
        """Return the answer to each question."""
        found = [""] * len(rows)
        for indices, logits in self._read(rows):
            answers = self._point([rows[index] for index in indices], logits)
            for index, answer in zip(indices, answers, strict=True):
                found[index] = answer
        return found

    def judge(self, rows: Sequence[Question]) -> dict[str, float]:
        """Return exact match, F1, and the mean cross-entropy of the first and the last token in nats."""
        spans, totals = self.batched(rows).spans, {"exact_match": 0.0, "f1": 0.0, "loss": 0.0}
        for indices, logits in self._read(rows):
            some = [rows[index] for index in indices]
            totals["loss"] += float(span_loss(logits, spans[indices].to(self.device))[0])
            for answer, one in zip(self._point(some, logits), some, strict=True):
                totals["exact_match"] += exact_match(answer, one.answers)
                totals["f1"] += overlap(answer, one.answers)
        return {name: total / len(rows) for name, total in totals.items()}

    def _point(self, rows: Sequence[Question], logits: Tensor) -> list[str]:
        """The parts of the passages that logits (B, 2, N) point at."""
        found = []
        for one, (first, last) in zip(rows, best_spans(logits, self.longest_answer).tolist(), strict=True):
            spans = words.spans(one.passage)
            found.append(one.passage[spans[first][0] : spans[last][1]])
        return found

    def batched(self, rows: Sequence[Question]) -> QuestionBatches:
        """Return questions in batches to evaluate in."""
        return QuestionBatches(rows, self.vocabulary, self.batch_size, seed=0)

    @torch.no_grad()
    def _read(self, rows: Sequence[Question]) -> Iterator[tuple[list[int], Tensor]]:
        for indices, batch in evaluation(self.batched(rows), self.device):
            yield indices, self.model(*_sides(batch))


def span_loss(logits: Tensor, spans: Tensor) -> tuple[Tensor, int]:
    """Return the cross-entropies of first and last tokens, summed and halved, and the number of questions.

    logits (B, 2, N); spans (B, 2).
    """
    total = F.cross_entropy(logits.flatten(0, 1).float(), spans.flatten(), reduction="sum")
    return total / 2, len(spans)


def check(config: Config) -> None:
    """Raise UserError where the mechanism cannot serve the model, or a choice finds nothing to act on."""
    config.model(11, config)


def train(config: Config, run: Run) -> dict[str, Any]:
    """Train on the questions, keep the epoch with most answers right, and test on others."""
    data = _data(config, run.seed)
    if data.dropped:
        run.warn(f"{data.dropped} questions have no answer where they say it is, and were left out")
    texts = (text for one in data.train for text in (one.passage, one.text))
    vocabulary = Vocabulary.build(map(tokens_of, texts), config.minimum_frequency, key="minimum_frequency")
    run.save_json("vocabulary", vocabulary.to_json())
    reader = _reader(config, vocabulary, run.device)
    model = reader.model.to(run.dtype)
    batches = QuestionBatches(data.train, vocabulary, config.batch_size, run.seed)
    kept = fit_best(
        run,
        config,
        model,
        batches,
        loss=lambda batch: _loss(model, batch),
        evaluate=lambda: reader.judge(data.valid),
        fingerprint={"vocabulary": vocabulary.fingerprint(), "questions": batches.fingerprint()},
        unit="questions",
        watch=_watch(reader, data, run, attends=config.attention is not None),
    )
    metrics, rows = _tested(reader, data.test)
    _show(reader, data.test, rows, run, attends=config.attention is not None)
    return metrics | kept


def load(run: TrainedRun) -> Reader:
    """Return the reader that the run trained, from its best checkpoint."""
    reader = _reader(run.config, Vocabulary.from_json(run.saved("vocabulary")), run.device)
    restore_best(reader.model, run.directory)
    return reader


def development(run: TrainedRun, reader: Reader) -> Development:
    """Return the questions that the run validated on, measured as in training."""
    valid, model = _data(run.config, run.seed).valid, reader.model
    return Development(
        model,
        reader.device,
        lambda: reader.judge(valid),
        reader.batched(valid),
        lambda batch: _loss(model, batch),
        GatedHeads(model),
    )


def evaluate(run: TrainedRun, reader: Reader) -> Measured:
    """Return the answers to the test questions, and the figures of that."""
    return _tested(reader, _data(run.config, run.seed).test)


def _data(config: Config, seed: int) -> Questions:
    return drawn(config.data, seed, Questions, "questions on passages, such as data=stories")


def _loss(model: SpanPointer, batch: Any) -> tuple[Tensor, int]:
    return span_loss(model(*_sides(batch)), batch.spans)


def _sides(batch: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return batch.passages, batch.passage_lengths, batch.questions, batch.question_lengths


def _reader(config: Config, vocabulary: Vocabulary, device: torch.device) -> Reader:
    model = config.model(len(vocabulary), config).to(device)
    return Reader(model, vocabulary, device, config.eval_batch_size, config.longest_answer)


def _watch(reader: Reader, data: Questions, run: Run, attends: bool) -> Watch:
    watched = data.valid[:WATCHED]
    tokens = {"reader.embedding": reader.vocabulary.labels}
    return Watch(
        run,
        reader.model,
        lambda: {"": reader.looks(watched)} if attends else {},
        ordered=False,
        tokens=tokens,
    )


def _asked(text: str) -> Question:
    passage, _, question = text.rpartition(SEPARATOR)  # which a passage may hold rather than a question
    if not tokens_of(passage) or not tokens_of(question):
        raise UserError(f"expected a passage,{SEPARATOR}and a question, not {text[:60]!r}")
    return Question(passage, question, (passage.split()[0],), passage.index(passage.split()[0]))


def _tested(reader: Reader, questions: Sequence[Question]) -> Measured:
    rows = [
        {"source": f"{one.passage}{SEPARATOR}{one.text}", "target": one.answers[0], "prediction": answer}
        for one, answer in zip(questions, reader.answers(questions), strict=True)
    ]
    return reader.judge(questions) | {"test_questions": len(questions)}, rows


def _show(
    reader: Reader, questions: Sequence[Question], rows: list[dict[str, str]], run: Run, attends: bool
) -> None:
    keep_rows(run, rows)
    draw_losses(run)
    if attends:
        shown = min(questions, key=lambda one: (len(one.passage) + len(one.text), one.passage, one.text))
        run.figure("attention", heat_map(reader.looks([shown])[0]))
