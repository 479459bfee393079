"""Sequences into sequences with exact answers: does the decoder look where an answer comes from?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from attnrun.experiments.sequence_model import Solver, text_of

from attnrun.analysis.plots import draw_losses, heat_map
from attnrun.analysis.watch import WATCHED, Watch
from attnrun.attention import Mechanism
from attnrun.attention.gates import GatedHeads
from attnrun.data.batching import TextBatches, require_one
from attnrun.data.drawing import drawn
from attnrun.data.synthetic import Example, SequenceData, encode_examples
from attnrun.data.vocabulary import Vocabulary
from attnrun.errors import UserError
from attnrun.models.decoding import Decoded, greedy
from attnrun.models.seq2seq import ModelFactory
from attnrun.runs.run import Run
from attnrun.runs.trained import Measured, TrainedRun
from attnrun.training.course import fit_best, restore_best
from attnrun.training.development import Development
from attnrun.training.scoring import keep_rows
from attnrun.training.seq2seq import PairCourse, forced_loss

PRIMARY = ("accuracy", "max")


@dataclass(frozen=True, kw_only=True)
class Config(Mechanism, PairCourse):
    """The keys of a sequence experiment beside the common ones."""

    data: Callable[[int], SequenceData]
    model: ModelFactory
    search: Callable[..., Decoded] = greedy


def check(config: Config) -> None:
    """Raise UserError where the mechanism cannot serve the model, or a key has nothing to act on."""
    require_one(config.batch_size, config.batch_tokens)
    config.model(11, 13, config, False)


def train(config: Config, run: Run) -> dict[str, Any]:
    """Train on sequences drawn by the seed, keep the epoch with most answers right, and test on others."""
    data = _data(config, run.seed)
    run.save_json("vocabularies", {"source": data.source.to_json(), "target": data.target.to_json()})
    solver = _solver(config, data.source, data.target, run.device)
    solver.model.to(run.dtype)
    encoded = encode_examples(data.train)
    batches = TextBatches(
        encoded, batch_size=config.batch_size, batch_tokens=config.batch_tokens, seed=run.seed
    )
    draft = replace(solver, search=greedy)  # for validation, which is to be quick
    kept = fit_best(
        run,
        config,
        solver.model,
        batches,
        loss=lambda batch: forced_loss(solver.model, batch),
        evaluate=lambda: _validate(draft, data),
        fingerprint={"training_examples": encoded.fingerprint()},
        unit="tokens",
        watch=Watch(
            run,
            solver.model,
            lambda: solver.looks(data.valid[:WATCHED]),
            tokens={"source_embedding": data.source.labels, "target_embedding": data.target.labels},
        ),
    )
    return _test(solver, data, run, attends=config.attention is not None) | kept


def load(run: TrainedRun) -> Solver:
    """Return the solver that the run trained, from its best checkpoint."""
    stored = run.saved("vocabularies")
    source, target = (Vocabulary.from_json(stored[side]) for side in ("source", "target"))
    solver = _solver(run.config, source, target, run.device)
    restore_best(solver.model, run.directory)
    return solver


def development(run: TrainedRun, solver: Solver) -> Development:
    """Return the sequences that the run validated on, measured as in training."""
    data, model = _data(run.config, run.seed), solver.model
    draft = replace(solver, search=greedy)
    return Development(
        model,
        solver.device,
        lambda: _validate(draft, data),
        solver.batched(data.valid),
        lambda batch: forced_loss(model, batch),
        GatedHeads(model),
    )


def evaluate(run: TrainedRun, solver: Solver) -> Measured:
    """Return the answers to the test sequences, and the figures of that.

    Raises UserError where the data are of other symbols than in training.
    """
    data = _data(run.config, run.seed)
    if (data.source, data.target) != (solver.source, solver.target):
        raise UserError("data: the symbols are not those of the training; choose a task with the same ones")
    return _tested(solver, data, attends=run.config.attention is not None)


def _data(config: Config, seed: int) -> SequenceData:
    return drawn(config.data, seed, SequenceData, "a task of sequences, such as data=reverse")


def _validate(solver: Solver, data: SequenceData) -> dict[str, float]:
    return {**solver.judge(data.valid), **_accuracy(solver, data.valid)}


def _solver(config: Config, source: Vocabulary, target: Vocabulary, device: torch.device) -> Solver:
    model = config.model(len(source), len(target), config, source == target)
    return Solver(model.to(device), source, target, device, config.eval_batch_size, config.search)


def _test(solver: Solver, data: SequenceData, run: Run, attends: bool) -> dict[str, Any]:
    scores, rows = _tested(solver, data, attends)
    keep_rows(run, rows)
    _draw(solver, data.test, run, attends)
    return scores


def _tested(solver: Solver, data: SequenceData, attends: bool) -> Measured:
    answered = solver.answers([example.source for example in data.test])
    rows = _rows(solver, data.test, answered)
    judged = solver.judge(data.test, align=attends)
    scores = _agreement(answered, data.test) | _long(answered, data.test) | judged
    if data.longer:
        found = _accuracy(solver, data.longer)
        scores |= {f"{name}_longer": value for name, value in found.items()}
    return scores | {"test_sequences": len(rows)}, rows


def _long(answers: Sequence[Sequence[int]], examples: Sequence[Example]) -> dict[str, float]:
    """The accuracy on sequences longer than half-way from the shortest to the longest."""
    lengths = [len(example.source) for example in examples]
    long = [place for place, length in enumerate(lengths) if 2 * length > min(lengths) + max(lengths)]
    if not long:
        return {}
    found = _agreement([answers[place] for place in long], [examples[place] for place in long])
    return {"accuracy_long": found["accuracy"]}


def _draw(solver: Solver, examples: Sequence[Example], run: Run, attends: bool) -> None:
    draw_losses(run)
    if attends:
        longest = max(examples, key=lambda example: len(example.source))
        run.figure("attention", heat_map(solver.weights([text_of(solver.source, longest.source)])[0]))


def _rows(
    solver: Solver, examples: Sequence[Example], answers: Sequence[Sequence[int]]
) -> list[dict[str, str]]:
    return [
        {
            "source": text_of(solver.source, example.source),
            "target": text_of(solver.target, example.target),
            "prediction": text_of(solver.target, answer),
            "links": " ".join(f"{source}-{target}" for source, target in example.links),
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
