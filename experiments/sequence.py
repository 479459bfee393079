"""Sequences into sequences with exact answers: does the decoder look where an answer comes from?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from attnrun.analysis.alignment import alignment_scores
from attnrun.analysis.maps import AttentionMap, attention_maps, require_self_attention
from attnrun.analysis.plots import draw_losses, heat_map
from attnrun.analysis.watch import WATCHED, Watch, pair_looks
from attnrun.attention import Mechanism
from attnrun.attention.gates import GatedHeads
from attnrun.data.batching import TextBatches, pairs_of_answers, require_one
from attnrun.data.synthetic import Example, SequenceData, encode_examples
from attnrun.data.vocabulary import BOS, EOS, Vocabulary
from attnrun.errors import UserError, suggest
from attnrun.models.decoding import Decoded, forced, greedy
from attnrun.models.seq2seq import ModelFactory
from attnrun.runs.run import Run
from attnrun.runs.trained import TrainedRun
from attnrun.training.course import fit_best, restore_best
from attnrun.training.development import Development
from attnrun.training.scoring import keep_rows
from attnrun.training.seq2seq import (
    Answer,
    Candidate,
    PairCourse,
    decode,
    forced_loss,
    judge,
    looks,
    self_looks,
    texts,
)

PRIMARY = ("accuracy", "max")


@dataclass(frozen=True, kw_only=True)
class Config(Mechanism, PairCourse):
    """The keys of a sequence experiment beside the common ones."""

    data: Callable[[int], SequenceData]
    model: ModelFactory
    search: Callable[..., Decoded] = greedy


@dataclass(frozen=True)
class Solver:
    """A trained model with its vocabularies; what `load` returns. Texts are tokens with spaces between."""

    model: Any  # a Seq2Seq that is an nn.Module
    source: Vocabulary
    target: Vocabulary
    device: torch.device
    batch_size: int = 250
    search: Callable[..., Decoded] = greedy

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the answer to each sequence.

        Raises UserError for a token that the task does not have.
        """
        return [_text(self.target, answer) for answer in self.answers(self._read(inputs))]

    def batches(self, inputs: Sequence[str]) -> list[list[int]]:
        """Return which sequences are answered together, by their places, the longest first.

        Raises UserError for a token that the task does not have.
        """
        return self._asked(self._read(inputs)).sequential()

    def candidates(self, inputs: Sequence[str], count: int) -> list[list[Candidate]]:
        """Return `count` answers to each sequence.

        Raises UserError for a token that the task does not have.
        """
        found = self._search(self._read(inputs), need_weights=False, count=count)
        return texts(found, lambda tokens: _text(self.target, tokens))

    def unknown(self, inputs: Sequence[str]) -> list[str]:
        """Return the tokens of the sequences that the task does not have, each once."""
        tokens = dict.fromkeys(token for text in inputs for token in text.split())
        return [token for token in tokens if token not in self.source]

    def weights(
        self, inputs: Sequence[str], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> list[AttentionMap]:
        """Return where the decoder looked while it answered, one map a sequence.

        `layers` and `heads` choose some of each; None takes all. Raises UserError where the model has no
        attention, or not so many layers or heads, and for a token that the task does not have.
        """
        sources = self._read(inputs)
        found = self._search(sources, need_weights=True)
        queries = [self.target.labels(answer.tokens) for answer in found]
        keys = [self.source.labels(source) for source in sources]
        return attention_maps(inputs, queries, keys, [answer.weights for answer in found], layers, heads)

    def self_weights(
        self, inputs: Sequence[str], side: str, *chosen: Sequence[int] | None
    ) -> list[AttentionMap]:
        """Return where each token of the "source", or of the "target" found for it, looks at its own side.

        `chosen` are layers and heads. Raises NoAttention without self-attention, UserError as `weights` does.
        """
        require_self_attention(self.model)
        read = self._read(inputs)
        batches, names = self._asked(read), self.source
        if side == "target":
            read, pairs = pairs_of_answers(batches.pairs.source, self.answers(read), BOS, EOS)
            batches, names = TextBatches(pairs, batch_size=self.batch_size, seed=0), self.target
        labels = list(map(names.labels, read))
        own = self_looks(self.model, batches, self.device, side)
        return attention_maps(inputs, labels, labels, own, *chosen)

    def answers(self, sources: Sequence[Sequence[int]]) -> list[list[int]]:
        """Return the answer to each sequence of numbers."""
        return [answer.tokens for answer in self._search(sources, need_weights=False)]

    def judge(self, examples: Sequence[Example], align: bool = False) -> dict[str, float]:
        """Return the mean cross-entropy of a right token, end included; to `align` also its scores.

        For these see `alignment_scores`; there are none without attention.
        """
        score = partial(forced, self.model, need_weights=align)
        loss, found = judge(score, self.batched(examples), self.device)
        gold = [example.links for example in examples]
        written = [look[:, :, :-1] for look in found or ()]  # without the end
        return {"loss": loss, **(alignment_scores(written, gold) if written else {})}

    def looks(self, examples: Sequence[Example]) -> dict[str, list[AttentionMap]]:
        """Return where the model looks in examples with their right answers, by side."""
        batches = self.batched(examples)
        found = looks(self.model, partial(forced, self.model), batches, self.device)
        sources, targets = (
            [vocabulary.labels(numbers) for numbers in side.rows()]
            for vocabulary, side in ((self.source, batches.pairs.source), (self.target, batches.pairs.target))
        )
        return pair_looks(found, sources, targets)

    def _read(self, inputs: Sequence[str]) -> list[list[int]]:
        for token in self.unknown(inputs):
            raise UserError(f"this task has no token {token!r}{suggest(token, self.source.tokens)}")
        if not all(text.split() for text in inputs):
            raise UserError(f"a sequence is empty; its tokens are {' '.join(self.source.tokens[:12])} …")
        return [self.source.encode(text.split()) for text in inputs]

    def _search(self, sources: Sequence[Sequence[int]], need_weights: bool, count: int = 1) -> list[Answer]:
        wanted = {"need_weights": need_weights, "count": count}
        search = partial(self.search, self.model, bos=BOS, eos=EOS, **wanted)
        return decode(search, self._asked(sources), self.device)

    def _asked(self, sources: Sequence[Sequence[int]]) -> TextBatches:
        return self.batched([Example(tuple(source), (), ()) for source in sources])

    def batched(self, examples: Sequence[Example]) -> TextBatches:
        """Return examples in batches to evaluate in."""
        return TextBatches(encode_examples(examples), batch_size=self.batch_size, seed=0)


def check(config: Config) -> None:
    """Raise UserError where the mechanism cannot serve the model, or a key has nothing to act on."""
    require_one(config.batch_size, config.batch_tokens)
    config.model(11, 13, config, False)


def train(config: Config, run: Run) -> dict[str, Any]:
    """Train on sequences drawn by the seed, keep the epoch with most answers right, and test on others."""
    data = config.data(run.seed)
    if not isinstance(data, SequenceData):
        raise UserError("data: this experiment takes a task of sequences, such as data=reverse")
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
    data, model = run.config.data(run.seed), solver.model
    draft = replace(solver, search=greedy)
    return Development(
        model,
        solver.device,
        lambda: _validate(draft, data),
        solver.batched(data.valid),
        lambda batch: forced_loss(model, batch),
        GatedHeads(model),
    )


def _validate(solver: Solver, data: SequenceData) -> dict[str, float]:
    return solver.judge(data.valid) | _accuracy(solver, data.valid)


def _solver(config: Config, source: Vocabulary, target: Vocabulary, device: torch.device) -> Solver:
    model = config.model(len(source), len(target), config, source == target)
    return Solver(model.to(device), source, target, device, config.eval_batch_size, config.search)


def _test(solver: Solver, data: SequenceData, run: Run, attends: bool) -> dict[str, Any]:
    answered = solver.answers([example.source for example in data.test])
    rows = _rows(solver, data.test, answered)
    keep_rows(run, rows)
    judged = solver.judge(data.test, align=attends)
    _draw(solver, data.test, run, attends)
    scores = _agreement(answered, data.test) | _long(answered, data.test) | judged
    if data.longer:
        found = _accuracy(solver, data.longer)
        scores |= {f"{name}_longer": value for name, value in found.items()}
    return scores | {"test_sequences": len(rows)}


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
        run.figure("attention", heat_map(solver.weights([_text(solver.source, longest.source)])[0]))


def _rows(
    solver: Solver, examples: Sequence[Example], answers: Sequence[Sequence[int]]
) -> list[dict[str, str]]:
    return [
        {
            "source": _text(solver.source, example.source),
            "target": _text(solver.target, example.target),
            "prediction": _text(solver.target, answer),
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


def _text(vocabulary: Vocabulary, numbers: Sequence[int]) -> str:
    return " ".join(vocabulary.labels(numbers))
