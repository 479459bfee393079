"""Language models of characters: how well the next is known, and how a text goes on."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from annotated_types import Ge, Le
from torch import Tensor

from attnrun.analysis.maps import AttentionMap, attention_maps
from attnrun.analysis.plots import draw_losses, heat_map
from attnrun.analysis.text_plots import context_curve
from attnrun.analysis.watch import WATCHED, Watch
from attnrun.attention import Mechanism
from attnrun.attention.gates import GatedHeads
from attnrun.data.drawing import drawn
from attnrun.data.examples import NO_ANSWER
from attnrun.data.plain_text import PlainText
from attnrun.data.vocabulary import BOS, EOS, SPECIALS, Vocabulary
from attnrun.data.windows import Windows
from attnrun.errors import UserError
from attnrun.models.continuation import Continuation
from attnrun.models.decoding import Decoded, greedy
from attnrun.models.language_model import LanguageModel, LanguageModelFactory
from attnrun.models.ngram import NGrams
from attnrun.ranges import PositiveInt
from attnrun.runs.run import Run
from attnrun.runs.trained import Measured, TrainedRun
from attnrun.training.batches import evaluation
from attnrun.training.course import Course, fit_best, restore_best
from attnrun.training.development import Development
from attnrun.training.labels import label_loss
from attnrun.training.scoring import keep_rows

PRIMARY = ("bits", "min")

_SAMPLES = 8  # beginnings in the test text that a run continues
_SHOWN = 48  # characters of the map that a run draws
_BEGINNING = "⊢"  # what stands before the first character, in a map


@dataclass(frozen=True, kw_only=True)
class Config(Mechanism, Course):
    """The keys of a language model beside the common ones."""

    data: Callable[[int], PlainText]
    model: LanguageModelFactory
    search: Callable[..., Decoded] = greedy
    context: Annotated[int, Ge(2), Le(100_000)] = 96
    batch_size: PositiveInt = 64
    minimum_frequency: PositiveInt = 1
    ngram_order: Annotated[int, Ge(1), Le(50)] = 12


@dataclass(frozen=True)
class Writer:
    """A trained model with its characters; what `load` returns."""

    model: LanguageModel
    vocabulary: Vocabulary
    context: int
    device: torch.device
    batch_size: int = 128
    search: Callable[..., Decoded] = greedy

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return how each text goes on, by the search of the run; characters it does not know are unknown."""
        found = [""] * len(inputs)
        order = sorted(range(len(inputs)), key=lambda place: len(inputs[place]))
        for _, group in groupby(order, key=lambda place: len(inputs[place])):
            places = list(group)
            for first in range(0, len(places), self.batch_size):
                some = places[first : first + self.batch_size]
                for place, text in zip(some, self._continue([inputs[one] for one in some]), strict=True):
                    found[place] = text
        return found

    def unknown(self, inputs: Sequence[str]) -> list[str]:
        """Return the characters of the texts that the model does not know, each once."""
        return [one for one in dict.fromkeys("".join(inputs)) if one not in self.vocabulary]

    def weights(
        self, inputs: Sequence[str], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> list[AttentionMap]:
        """Return where each character of a text, and what stands before the first, looked among those so far.

        `layers` and `heads` choose some of each; None takes all. Raises UserError where the model has no
        attention, or not so many layers or heads, and for a text longer than it sees at once.
        """
        for text in inputs:
            if len(text) >= self.context:
                raise UserError(
                    f"a text of {len(text)} characters; this model sees {self.context - 1} at once"
                )
        looks = [self._looks(text) for text in inputs]
        labels = [[_BEGINNING, *text] for text in inputs]
        return attention_maps(inputs, labels, labels, looks, layers, heads)

    def encode(self, text: str) -> Tensor:
        """Return the numbers (N,) of its characters."""
        return torch.tensor(self.vocabulary.encode(text), dtype=torch.int64)

    def windows(self, text: str, overlap: int) -> Windows:
        """Return the text in windows to be judged, see `Windows`."""
        return Windows(self.encode(text), self.context, self.batch_size, overlap=overlap)

    @torch.no_grad()
    def bits(self, windows: Windows) -> Tensor:
        """Return what each character costs in bits, (windows, context); NaN where a window has no target."""
        found = []
        for _, batch in evaluation(windows, self.device):
            logits = self.model(batch.inputs).float()
            cost = F.cross_entropy(logits.mT, batch.targets, ignore_index=NO_ANSWER, reduction="none")
            found.append(cost.masked_fill(batch.targets == NO_ANSWER, torch.nan).cpu())
        return torch.cat(found).double() / math.log(2)

    def mean_bits(self, text: str) -> float:
        """Return the bits a character, each of which is predicted once.

        From half a context of characters before it at least, wherever there are so many.
        """
        return float(self.bits(self.windows(text, self.context // 2)).nanmean())

    def _continue(self, texts: list[str]) -> list[str]:
        sources = torch.tensor([[BOS, *self.vocabulary.encode(text)] for text in texts], device=self.device)
        lengths = torch.full((len(texts),), sources.shape[1])
        model = Continuation(self.model, self.context, len(SPECIALS))
        found = self.search(model, sources, lengths, bos=BOS, eos=EOS, need_weights=False)
        return ["".join(self.vocabulary.decode(tokens)) for tokens in found.tokens]

    @torch.no_grad()
    def _looks(self, text: str) -> Any:
        tokens = torch.tensor([[BOS, *self.vocabulary.encode(text)]], device=self.device)
        _, weights = self.model.states(tokens, need_weights=True)
        return None if weights is None else weights[0].float().cpu().numpy()


def check(config: Config) -> None:
    """Raise UserError where the mechanism cannot serve the model, or the context is longer than it reads."""
    longest = config.model(11, config).longest
    if config.context > longest:
        raise UserError(
            f"context={config.context}: the model knows places for {longest} characters; "
            f"set context={longest}, or a greater maximum_length of position or attention"
        )


def train(config: Config, run: Run) -> dict[str, Any]:
    """Train on windows of the text, keep the epoch that costs fewest bits, and test on the last part."""
    data = _data(config, run.seed)
    vocabulary = Vocabulary.build([data.train], config.minimum_frequency, key="minimum_frequency")
    run.save_json("vocabulary", vocabulary.to_json())
    writer = _writer(config, vocabulary, run.device)
    writer.model.to(run.dtype)
    batches = Windows(writer.encode(data.train), config.context, config.batch_size, run.seed)
    kept = fit_best(
        run,
        config,
        writer.model,
        batches,
        loss=lambda batch: label_loss(writer.model(batch.inputs), batch.targets),
        evaluate=lambda: _measures(writer.mean_bits(data.valid)),
        fingerprint={"text": batches.fingerprint(), "vocabulary": vocabulary.fingerprint()},
        unit="characters",
        watch=_watch(writer, data.valid, run, attends=config.attention is not None),
    )
    counted = _ngrams(data, vocabulary, config.ngram_order)
    metrics, rows = _tested(writer, data.test)
    keep_rows(run, rows)
    _draw(writer, data.test, run, counted["bits_ngram"], attends=config.attention is not None)
    return metrics | counted | kept


def load(run: TrainedRun) -> Writer:
    """Return the model that the run trained, from its best checkpoint."""
    writer = _writer(run.config, Vocabulary.from_json(run.saved("vocabulary")), run.device)
    restore_best(writer.model, run.directory)
    return writer


def development(run: TrainedRun, writer: Writer) -> Development:
    """Return the text that the run validated on, measured as in training."""
    text, model = _data(run.config, run.seed).valid, writer.model
    return Development(
        model,
        writer.device,
        lambda: _measures(writer.mean_bits(text)),
        writer.windows(text, writer.context // 2),
        lambda batch: label_loss(model(batch.inputs), batch.targets),
        GatedHeads(model),
    )


def evaluate(run: TrainedRun, writer: Writer) -> Measured:
    """Return what a character of the test text costs, and how some of its beginnings are continued."""
    return _tested(writer, _data(run.config, run.seed).test)


def _data(config: Config, seed: int) -> PlainText:
    return drawn(config.data, seed, PlainText, "running text, such as data=text data.path=FILE")


def _writer(config: Config, vocabulary: Vocabulary, device: torch.device) -> Writer:
    model = config.model(len(vocabulary), config).to(device)
    return Writer(model, vocabulary, config.context, device, config.eval_batch_size, config.search)


def _watch(writer: Writer, text: str, run: Run, attends: bool) -> Watch:
    lines = [_cut(writer, line) for line in _lines(text)[:WATCHED]]
    tokens = {"embedding": writer.vocabulary.labels}
    return Watch(run, writer.model, lambda: {"": writer.weights(lines)} if attends else {}, tokens=tokens)


def _lines(text: str) -> list[str]:
    """The first lines of a text that are not empty, or the whole where all are."""
    return [line for line in text.split("\n") if line][:_SHOWN] or [text]


def _cut(writer: Writer, line: str) -> str:
    """As much of a line as a map shows."""
    return line[: min(_SHOWN, writer.context - 1)]


def _measures(bits: float) -> dict[str, float]:
    return {"bits": bits, "perplexity": 2**bits, "loss": bits * math.log(2)}


def _ngrams(data: PlainText, vocabulary: Vocabulary, order: int) -> dict[str, float]:
    """The bits a character of n-grams, of the order that is best on the text to choose by."""
    train, valid, test = (
        np.array(vocabulary.encode(text), dtype=np.int64) for text in (data.train, data.valid, data.test)
    )
    counted = NGrams.fit(train, len(vocabulary), order)
    best = int(counted.bits(valid).mean(1).argmin())
    return {"bits_ngram": float(counted.bits(test)[best].mean()), "ngram_order": best + 1}


def _tested(writer: Writer, text: str) -> Measured:
    """The figures of the text; some beginnings, evenly spread over it, continued, and what stands there."""
    half = writer.context // 2
    starts = sorted({place * len(text) // _SAMPLES for place in range(_SAMPLES)})
    sources = [text[start : start + half] for start in starts]
    rows = [
        {"source": source, "target": text[start + half :][: len(found)], "prediction": found}
        for start, source, found in zip(starts, sources, writer.predict(sources), strict=True)
    ]
    counts = {
        "test_characters": len(text),
        "test_unknown": sum(one not in writer.vocabulary for one in text),
    }
    return _measures(writer.mean_bits(text)) | counts, rows


def _draw(writer: Writer, text: str, run: Run, ngram: float, attends: bool) -> None:
    draw_losses(run)
    by_place = writer.bits(writer.windows(text, 0)).nanmean(0)
    run.figure("context", context_curve(by_place.numpy(), ngram, run.experiment))
    if attends:
        shown = max(_lines(text), key=lambda line: len(line) if len(line) < _SHOWN else 0)
        run.figure("attention", heat_map(writer.weights([_cut(writer, shown)])[0]))
