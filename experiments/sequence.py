"""Sequences into sequences with exact answers: does the decoder look where an answer comes from?

Legend: B batch, S source length, T target length, L layers with attention, H heads.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from attnrun.analysis.maps import AttentionMap
from attnrun.analysis.plots import heat_map, loss_curves
from attnrun.attention import Normaliser
from attnrun.data.batching import Batch, Order, TextBatches, restore
from attnrun.data.synthetic import Example, Links, SequenceData, encode_examples
from attnrun.data.vocabulary import BOS, EOS, PAD, Vocabulary
from attnrun.errors import UserError, suggest
from attnrun.models.decoding import forced, greedy
from attnrun.models.seq2seq import AttentionFactory, ModelFactory, PositionFactory
from attnrun.ranges import PositiveInt
from attnrun.runs.board import markdown_table
from attnrun.runs.find import RunRecord
from attnrun.runs.run import Run
from attnrun.runs.trained import TrainedRun
from attnrun.training.checkpoint import load_best
from attnrun.training.loop import Trainer, fit
from attnrun.training.losses import projected_cross_entropy

PRIMARY = ("accuracy", "max")
_SHOWN = 8  # sequences shown in TensorBoard
_SAMPLE = ("source", "target", "prediction")


@dataclass(frozen=True)
class Config:
    """The keys of a sequence experiment beside the common ones."""

    data: Callable[[int], SequenceData]
    model: ModelFactory
    attention: AttentionFactory | None
    normaliser: Normaliser
    position: PositionFactory
    optim: Callable[..., torch.optim.Optimizer]
    schedule: Callable[..., torch.optim.lr_scheduler.LRScheduler]
    trainer: Trainer
    batch_size: PositiveInt = 128
    eval_batch_size: PositiveInt = 250


@dataclass(frozen=True)
class Solver:
    """A trained model with its vocabularies; what `load` returns. Texts are tokens with spaces between."""

    model: Any  # a Seq2Seq that is an nn.Module
    source: Vocabulary
    target: Vocabulary
    device: torch.device
    batch_size: int = 250

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the answer to each sequence.

        Raises UserError for a token that the task does not have.
        """
        return [_text(self.target, answer) for answer in self.answers(self._read(inputs))]

    def weights(
        self, inputs: Sequence[str], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> list[AttentionMap]:
        """Return where the decoder looked while it answered, one map a sequence.

        `layers` and `heads` choose some of each; None takes all. Raises UserError where the model has no
        attention, or not so many layers or heads, and for a token that the task does not have.
        """
        sources = self._read(inputs)
        answers, looks = self._decode(sources, need_weights=True)
        if looks is None:
            raise UserError("this model has no attention to show; train one with attention=additive")
        return [
            AttentionMap(
                _labels(self.target, answer), _labels(self.source, source), weights.float().cpu().numpy()
            ).choose(layers, heads)
            for source, answer, weights in zip(sources, answers, looks, strict=True)
        ]

    def answers(self, sources: Sequence[Sequence[int]]) -> list[list[int]]:
        """Return the answer to each sequence of numbers, by greedy search."""
        return self._decode(sources, need_weights=False)[0]

    def judge(self, examples: Sequence[Example]) -> tuple[float, list[Links] | None]:
        """Return the mean cross-entropy of a right token, end included, and the links found for the answers.

        Each token of an answer is linked to the one place that weighs most while it is predicted, in the mean
        over layers and heads. None without attention.
        """
        order, batches = self._batches(examples)
        total, count, links = 0.0, 0, list[Links]()
        for batch in batches:
            found = forced(self.model, batch.source, batch.source_lengths, batch.target)
            total -= float(found.log_probabilities.double().sum())
            count += int((batch.target_out != PAD).sum())
            if found.weights is not None:
                links += _strongest(found.weights, batch.target_lengths - 2)  # without bos and eos
        return total / count, restore(order, links) if links else None

    def _read(self, inputs: Sequence[str]) -> list[list[int]]:
        tokens = [text.split() for text in inputs]
        for token in (token for row in tokens for token in row):
            if token not in self.source:
                raise UserError(f"this task has no token {token!r}{suggest(token, self.source.tokens)}")
        if not all(tokens):
            raise UserError(f"a sequence is empty; its tokens are {' '.join(self.source.tokens[:12])} …")
        return [self.source.encode(row) for row in tokens]

    def _decode(
        self, sources: Sequence[Sequence[int]], need_weights: bool
    ) -> tuple[list[list[int]], list[Tensor] | None]:
        """The answers, and their weights (L, H, T, S) if they are asked for and there are any."""
        order, batches = self._batches([Example(tuple(source), (), ()) for source in sources])
        keys: dict[str, Any] = {"bos": BOS, "eos": EOS, "need_weights": need_weights}
        parts = [greedy(self.model, batch.source, batch.source_lengths, **keys) for batch in batches]
        answers = restore(order, [answer for part in parts for answer in part.tokens])
        looks = [weights for part in parts for weights in part.weights or ()]
        return answers, restore(order, looks) if looks else None

    def _batches(self, examples: Sequence[Example]) -> tuple[Order, list[Batch]]:
        batches = TextBatches(encode_examples(examples), batch_size=self.batch_size, seed=0)
        order = batches.sequential()
        return order, [batches.collate(indices).to(self.device) for indices in order]


def train(config: Config, run: Run) -> dict[str, Any]:
    """Train on sequences drawn by the seed, keep the epoch with most answers right, and test on others."""
    data = config.data(run.seed)
    if not isinstance(data, SequenceData):
        raise UserError("data: this experiment takes a task of sequences, such as data=reverse")
    run.save_json("vocabularies", {"source": data.source.to_json(), "target": data.target.to_json()})
    solver = _solver(config, data.source, data.target, run.device)
    solver.model.to(run.dtype)
    encoded = encode_examples(data.train)
    batches = TextBatches(encoded, batch_size=config.batch_size, seed=run.seed)
    optimiser = config.optim(solver.model.parameters())
    fit(
        run,
        config.trainer,
        model=solver.model,
        optimiser=optimiser,
        schedule=config.schedule(optimiser, config.trainer.total_steps(len(batches.order(0)))),
        batches=batches,
        loss=lambda batch: _loss(solver.model, batch),
        evaluate=lambda: {"loss": solver.judge(data.valid)[0], **_accuracy(solver, data.valid)},
        fingerprint={"training_examples": encoded.fingerprint()},
        unit="tokens",
    )
    solver.model.load_state_dict(load_best(run.directory)["model"])
    return _test(solver, data, run)


def load(run: TrainedRun) -> Solver:
    """Return the solver that the run trained, from its best checkpoint."""
    stored = json.loads((run.directory / "vocabularies.json").read_text(encoding="utf-8"))
    source, target = (Vocabulary.from_json(stored[side]) for side in ("source", "target"))
    solver = _solver(run.config, source, target, run.device)
    solver.model.load_state_dict(load_best(run.directory)["model"])
    solver.model.eval()
    return solver


def alignment_scores(found: Sequence[Links], gold: Sequence[Links]) -> dict[str, float]:
    """Compare the links found for each example with its gold ones.

    `alignment_accuracy` is the share of the found links that are gold; `aer` the alignment error rate of Och
    and Ney 2003 with all gold links sure, 1 - 2 |A ∩ S| / (|A| + |S|). Target tokens without a gold link do
    not count; without any such token there are no scores.
    """
    right, asked, sure = 0, 0, 0
    for links, gold_links in zip(found, gold, strict=True):
        aligned = {token for token, _ in gold_links}
        kept = {link for link in links if link[0] in aligned}
        right += len(kept & set(gold_links))
        asked, sure = asked + len(kept), sure + len(gold_links)
    return {"alignment_accuracy": right / asked, "aer": 1 - 2 * right / (asked + sure)} if asked else {}


def _solver(config: Config, source: Vocabulary, target: Vocabulary, device: torch.device) -> Solver:
    joint = source == target
    model = config.model(
        len(source), len(target), config.attention, joint, config.normaliser, config.position
    )
    return Solver(model.to(device), source, target, device, config.eval_batch_size)


def _loss(model: Any, batch: Batch) -> tuple[Tensor, Tensor | int]:
    """Cross-entropy summed over real target tokens, and their number."""
    states = model.states(model.encode(batch.source, batch.source_lengths), batch.target_in)  # (B, T, D)
    return projected_cross_entropy(states, model.project, batch.target_out, PAD)


def _strongest(weights: Tensor, lengths: Tensor) -> list[Links]:
    """From weights (B, L, H, T, S) to one link for each of the first `lengths` (B,) target tokens."""
    places = weights.float().mean(dim=(1, 2)).argmax(dim=-1).tolist()  # (B, T)
    rows = zip(places, lengths.tolist(), strict=True)
    return [tuple(enumerate(row[:length])) for row, length in rows]


def _test(solver: Solver, data: SequenceData, run: Run) -> dict[str, Any]:
    answers = solver.answers([example.source for example in data.test])
    rows = _rows(solver, data.test, answers)
    run.samples("test", rows)
    run.text("test_samples", markdown_table(rows[:_SHOWN], _SAMPLE))
    loss, links = solver.judge(data.test)
    _draw(solver, data.test, run, attention=links is not None)
    scores = _agreement(answers, data.test) | _long(answers, data.test)
    if links is not None:
        scores |= alignment_scores(links, [example.links for example in data.test])
    if data.longer:
        found = _accuracy(solver, data.longer)
        scores |= {f"{name}_longer": value for name, value in found.items()}
    return scores | {"loss": loss, "test_sequences": len(rows)}


def _long(answers: Sequence[Sequence[int]], examples: Sequence[Example]) -> dict[str, float]:
    """The accuracy on sequences longer than half-way from the shortest to the longest."""
    lengths = [len(example.source) for example in examples]
    long = [place for place, length in enumerate(lengths) if 2 * length > min(lengths) + max(lengths)]
    if not long:
        return {}
    found = _agreement([answers[place] for place in long], [examples[place] for place in long])
    return {"accuracy_long": found["accuracy"]}


def _draw(solver: Solver, examples: Sequence[Example], run: Run, attention: bool) -> None:
    curves = ("train/epoch_loss", "valid/loss")
    run.figure("loss", loss_curves(RunRecord(run.directory).metrics_rows(), curves, run.experiment))
    if attention:
        longest = max(examples, key=lambda example: len(example.source))
        run.figure("attention", heat_map(solver.weights([_text(solver.source, longest.source)])[0]))


def _rows(
    solver: Solver, examples: Sequence[Example], answers: Sequence[Sequence[int]]
) -> list[dict[str, str]]:
    return [
        {
            "source": _text(solver.source, example.source),
            "target": _text(solver.target, example.target),
            "prediction": _text(solver.target, answer),
        }
        for example, answer in zip(examples, answers, strict=True)
    ]


def _accuracy(solver: Solver, examples: Sequence[Example]) -> dict[str, float]:
    return _agreement(solver.answers([example.source for example in examples]), examples)


def _agreement(answers: Sequence[Sequence[int]], examples: Sequence[Example]) -> dict[str, float]:
    """The share of answers that are wholly right, and of tokens that are right at their place.

    Of a wrong length, the tokens too many or too few count as wrong ones.
    """
    pairs = [(tuple(answer), example.target) for answer, example in zip(answers, examples, strict=True)]
    right = sum(sum(a == b for a, b in zip(*pair, strict=False)) for pair in pairs)
    tokens = sum(max(map(len, pair)) for pair in pairs)
    return {
        "accuracy": sum(answer == target for answer, target in pairs) / len(pairs),
        "token_accuracy": right / tokens,
    }


def _labels(vocabulary: Vocabulary, numbers: Sequence[int]) -> list[str]:
    return [vocabulary.token(number) for number in numbers]


def _text(vocabulary: Vocabulary, numbers: Sequence[int]) -> str:
    return " ".join(_labels(vocabulary, numbers))
