"""Word alignment before neural nets: IBM Model 1, to hold attention against."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from attnrun.analysis.alignment import alignment_scores, links
from attnrun.analysis.maps import AttentionMap, attention_maps
from attnrun.analysis.plots import draw_losses, heat_map
from attnrun.analysis.word_weights import between_words, pieces_of
from attnrun.data.corpus import Corpus, Pair
from attnrun.data.filters import Filter
from attnrun.data.tokenisers import Recipe, Tokeniser, fit_sides, from_json
from attnrun.data.words import Split, natural_split, split
from attnrun.errors import UserError
from attnrun.models.ibm_model_1 import IbmModel1, cells, fit
from attnrun.ranges import PositiveInt
from attnrun.runs.checkpoints import load_best
from attnrun.runs.run import Run
from attnrun.runs.trained import Measured, TrainedRun
from attnrun.training.checkpoint import save
from attnrun.training.progress import make_progress

PRIMARY = ("loss", "min")
ONE_PROCESS = "its counts are of the whole corpus at once"
_MOST_CELLS = 150_000_000  # pairs of words that an iteration counts, at 50 bytes each
SEPARATOR = " ||| "  # between a source and a target, in an input
_SHIFT = 1  # the numbers of a tokeniser begin with 0, which is the empty word's here


@dataclass(frozen=True, kw_only=True)
class Config:
    """The keys of the experiment beside the common ones."""

    corpus: Callable[[], Corpus]
    filter: Filter
    tokeniser: Callable[[], Recipe]
    iterations: PositiveInt = 5


@dataclass(frozen=True)
class Aligner:
    """A fitted model with its tokenisers; what `load` returns. An input is a source, ` ||| ` and a target."""

    model: IbmModel1
    source: Tokeniser
    target: Tokeniser
    how: Split = "words"  # as words are counted where links are

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the links of each pair, as `0-0 1-2`: words counted from 0, a target word's best one.

        Raises UserError for an input without a source or a target.
        """
        pairs = list(map(_pair, inputs))
        return [_written(links(look[0])) for look in self.word_weights(pairs, self.how)]

    def weights(
        self, inputs: Sequence[str], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> list[AttentionMap]:
        """Return the probability that each target token (row) comes from a source token (columns).

        What is missing in a row is the empty word's. Raises UserError for an input without a source or a
        target.
        """
        return self.looks(list(map(_pair, inputs)), layers, heads)

    def looks(self, pairs: Sequence[Pair], *chosen: Sequence[int] | None) -> list[AttentionMap]:
        """Return `weights` of pairs; `chosen` are layers and heads."""
        rows = [self.target.tokens(pair.target) for pair in pairs]
        columns = [self.source.tokens(pair.source) for pair in pairs]
        looks = [self._posterior(pair)[None, None, :, 1:] for pair in pairs]
        return attention_maps(list(map(_text, pairs)), rows, columns, looks, *chosen)

    def word_weights(self, pairs: Sequence[Pair], how: Split) -> list[dict[int, np.ndarray]]:
        """Return under 0 the weights (1, 1, N, M) between words; none where the empty word is likelier."""
        return [{0: self._by_words(pair, how)} for pair in pairs]

    def judge(self, pairs: Sequence[Pair]) -> dict[str, float]:
        """Return the mean cross-entropy of a target token, and `alignment_scores` where links are known."""
        gold = [pair.links for pair in pairs], [pair.possible for pair in pairs]
        aligned = any(map(any, zip(*gold, strict=True)))
        looks = [look[0] for look in self.word_weights(pairs, self.how)] if aligned else []
        loss = self.model.cross_entropy([self._numbers(pair) for pair in pairs])
        return {"loss": loss, **(alignment_scores(looks, *gold) if aligned else {})}

    def _by_words(self, pair: Pair, how: Split) -> np.ndarray:
        found = self._posterior(pair)
        kept = np.where(found.argmax(1, keepdims=True) > 0, found[:, 1:], 0.0)[None, None]
        queries = pieces_of(self.target.tokens(pair.target), split(pair.target, how))
        keys = pieces_of(self.source.tokens(pair.source), split(pair.source, how))
        return between_words(kept, queries, keys)

    def _posterior(self, pair: Pair) -> np.ndarray:
        return self.model.posterior(*self._numbers(pair)).float().numpy()

    def _numbers(self, pair: Pair) -> tuple[list[int], list[int]]:
        return _numbers(self.source, pair.source), _numbers(self.target, pair.target)


def train(config: Config, run: Run) -> dict[str, Any]:
    """Fit the model to the corpus, and judge it on the test split."""
    corpus, report = config.filter.apply(config.corpus())
    corpus.require_parts()
    if report.examples:
        run.warn(report.summary())
    source, target = fit_sides(config.tokeniser(), corpus)
    how = natural_split(corpus.tokenised)
    for name, tokeniser in (("source_vocabulary", source), ("target_vocabulary", target)):
        run.save_json(name, tokeniser.to_json())
    run.save_json("text", {"split": how})
    numbers = [(_numbers(source, pair.source), _numbers(target, pair.target)) for pair in corpus.train]
    _require_few(cells(numbers))
    words = sum(len(target) for _, target in numbers)
    with closing(make_progress(config.iterations, 0, "words", run.quiet)) as progress:
        for step, (model, loss) in enumerate(fit(numbers, config.iterations), 1):
            aligner = Aligner(model, source, target, how)
            figures = {"train/loss": loss} | _named("valid", aligner.judge(corpus.valid))
            run.log(step, figures, epoch=step)
            progress.step(step, step, loss, words)
            progress.evaluated(step, step, figures)
    _show(aligner, corpus, run)
    tested = aligner.judge(corpus.test)
    tables = {"keys": model.keys, "probabilities": model.probabilities}
    save(run.directory, {"parts": {"model": tables}, "targets": model.targets}, step=step, best=True)
    return tested | {"test_pairs": len(corpus.test)}


def load(run: TrainedRun) -> Aligner:
    """Return the aligner that the run fitted."""
    source, target = (from_json(run.saved(f"{side}_vocabulary")) for side in ("source", "target"))
    best = load_best(run.directory)
    table = best["model"]
    model = IbmModel1(table["keys"], table["probabilities"], best.state["targets"])
    return Aligner(model, source, target, run.saved("text")["split"])


def evaluate(run: TrainedRun, aligner: Aligner) -> Measured:
    """Return the figures of the test split, and the links that are found in its pairs."""
    corpus = run.config.filter.apply(run.config.corpus())[0]
    corpus.require_test()
    return aligner.judge(corpus.test) | {"test_pairs": len(corpus.test)}, _rows(aligner, corpus)


def _require_few(number: int) -> None:
    if number > _MOST_CELLS:
        most = f"{number:,} pairs of words to count, and {_MOST_CELLS:,} are the most"
        raise UserError(f"{most}; lower corpus.limit or filter.maximum_words")


def _numbers(tokeniser: Tokeniser, text: str) -> list[int]:
    return [number + _SHIFT for number in tokeniser.encode(text)]


def _named(prefix: str, values: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}/{name}": value for name, value in values.items()}


def _pair(text: str) -> Pair:
    source, _, target = text.partition(SEPARATOR)
    if not source.strip() or not target.strip():
        raise UserError(f"expected a source,{SEPARATOR}and a target, not {text[:60]!r}")
    return Pair(source, target)


def _text(pair: Pair) -> str:
    return f"{pair.source}{SEPARATOR}{pair.target}"


def _written(found: Iterable[tuple[int, int]]) -> str:
    return " ".join(f"{source}-{target}" for source, target in found)


def _rows(aligner: Aligner, corpus: Corpus) -> list[dict[str, str]]:
    looks = aligner.word_weights(corpus.test, aligner.how)
    return [
        {"source": _text(pair), "target": _written(pair.links or ()), "prediction": _written(links(look[0]))}
        for pair, look in zip(corpus.test, looks, strict=True)
    ]


def _show(aligner: Aligner, corpus: Corpus, run: Run) -> None:
    draw_losses(run, ("train/loss", "valid/loss"))
    run.samples("test", _rows(aligner, corpus))
    run.figure("alignment", heat_map(aligner.looks(corpus.test[:1])[0]))
