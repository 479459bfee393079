"""What does a text say in short? By default: which headline does a passage call for?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from attnrun.analysis.maps import AttentionMap, attention_maps
from attnrun.analysis.plots import draw_losses, heat_map
from attnrun.analysis.strips import Strip, strips
from attnrun.analysis.watch import WATCHED, Watch, pair_looks
from attnrun.attention import Mechanism
from attnrun.attention.gates import GatedHeads
from attnrun.data.batching import EncodedPairs, Sequences, TextBatches, require_one
from attnrun.data.summaries import Reading, Summaries, Summarised, encode, first_sentence, to_fit
from attnrun.data.tokenisers import Recipe, Tokeniser, from_json
from attnrun.errors import UserError
from attnrun.models.decoding import Decoded, Forced, forced, greedy
from attnrun.models.pointer_generator import PointerGenerator
from attnrun.ranges import PositiveInt
from attnrun.runs.run import Run
from attnrun.runs.trained import TrainedRun
from attnrun.training.batches import evaluation
from attnrun.training.course import fit_best, restore_best
from attnrun.training.development import Development
from attnrun.training.rouge import Rouge
from attnrun.training.scoring import keep_rows
from attnrun.training.seq2seq import Answer, PairCourse, decode, looks, scored_loss

PRIMARY = ("rouge_l", "max")
_DRAWN = 12  # summaries in the picture of what was copied


@dataclass(frozen=True, kw_only=True)
class Config(Mechanism, PairCourse):
    """The keys of a summarisation beside the common ones; longer texts and summaries are cut, as they say."""

    data: Callable[[int], Summaries]
    tokeniser: Callable[[], Recipe]
    model: Callable[[int, Mechanism], PointerGenerator]
    search: Callable[..., Decoded] = greedy
    longest_text: PositiveInt = 400  # tokens
    longest_summary: PositiveInt = 100


@dataclass(frozen=True)
class Summariser:
    """A trained model with its tokeniser; what `load` returns."""

    model: PointerGenerator
    tokeniser: Tokeniser
    device: torch.device
    batch_size: int
    longest: tuple[int, int]  # tokens of a text and of a summary
    search: Callable[..., Decoded] = greedy

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the summary of each text.

        Raises UserError for a text without a word.
        """
        return self.summarise(self._read(inputs))

    def weights(
        self, inputs: Sequence[str], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> list[AttentionMap]:
        """Return where the decoder looked in each text while it wrote its summary.

        Raises UserError where the model has no attention, or not so many layers or heads, and for a text
        without a word.
        """
        readings = self._read(inputs)
        found = self._search(readings, need_weights=True)
        queries = [one.labels(answer.tokens) for one, answer in zip(readings, found, strict=True)]
        keys = [self.tokeniser.tokens(text)[: self.longest[0]] for text in inputs]
        return attention_maps(inputs, queries, keys, [answer.weights for answer in found], layers, heads)

    def copied(self, inputs: Sequence[str]) -> list[tuple[list[str], list[float]]]:
        """Return the words of each text's summary, and how likely each was copied rather than generated.

        Raises UserError for a text without a word.
        """
        readings = self._read(inputs)
        found = [answer.tokens for answer in self._search(readings, need_weights=False)]
        ends = self.tokeniser.bos, self.tokeniser.eos
        targets = Sequences([ends[0], *tokens, ends[1]] for tokens in found)
        shares: dict[int, list[float]] = {}
        for indices, _, copied, _ in self._score(_pairs(readings, targets)):
            shares |= dict(zip(indices, copied.tolist(), strict=True))
        rows = zip(readings, found, strict=True)
        return [
            (one.labels(tokens), shares[index][: len(tokens)]) for index, (one, tokens) in enumerate(rows)
        ]

    def summarise(self, readings: Sequence[Reading]) -> list[str]:
        """Return the summary of each text."""
        found = self._search(readings, need_weights=False)
        return [one.decode(answer.tokens) for one, answer in zip(readings, found, strict=True)]

    def judge(self, rows: Sequence[Summarised]) -> dict[str, float]:
        """Return the mean loss of a right token in nats, end included, and the share of words copied.

        The latter is left out where the model does not copy.
        """
        totals = torch.zeros(4, dtype=torch.float64)
        for _, losses, copied, tokens in self._score(encode(self.tokeniser, rows, *self.longest)):
            real = tokens != self.tokeniser.pad
            words = real & (tokens != self.tokeniser.eos)
            totals += torch.stack([losses[real].sum(), real.sum(), copied[words].sum(), words.sum()])
        loss, count, share, number = totals.tolist()
        return {"loss": loss / count} | ({} if self.model.generates is None else {"copied": share / number})

    def looks(self, rows: Sequence[Summarised]) -> dict[str, list[AttentionMap]]:
        """Return where the decoder looks in each text while it is given the right summary."""
        batches = self.batched(encode(self.tokeniser, rows, *self.longest))
        found = looks(self.model, self._forced, batches, self.device)
        sources = [self.tokeniser.tokens(one.text)[: self.longest[0]] for one in rows]
        pairs = zip(rows, batches.pairs.target.rows(), strict=True)
        return pair_looks(found, sources, [self.read(one.text).labels(numbers) for one, numbers in pairs])

    def read(self, text: str) -> Reading:
        """Return a text as the model reads it."""
        return Reading.of(self.tokeniser, text, self.longest[0])

    def unknown_words(self, summary: str) -> list[str]:
        """Return the words of a summary that are not in the vocabulary."""
        numbers = self.tokeniser.encode(summary)
        pairs = zip(numbers, self.tokeniser.tokens(summary), strict=True)
        return [token for number, token in pairs if number == self.tokeniser.unk]

    def _read(self, inputs: Sequence[str]) -> list[Reading]:
        found = [self.read(text) for text in inputs]
        for one, text in zip(found, inputs, strict=True):
            if not one.numbers:
                raise UserError(f"a text to summarise is blank: {text!r}")
        return found

    def _search(self, readings: Sequence[Reading], need_weights: bool) -> list[Answer]:
        ends = {"bos": self.tokeniser.bos, "eos": self.tokeniser.eos}
        search = partial(self.search, self.model, need_weights=need_weights, **ends)
        asked = _pairs(readings, Sequences([self.tokeniser.bos, self.tokeniser.eos] for _ in readings))
        return decode(search, self.batched(asked), self.device)

    @torch.no_grad()
    def _score(self, pairs: EncodedPairs) -> Iterator[tuple[list[int], Tensor, Tensor, Tensor]]:
        """Yield indices, and (B, T - 1) losses, how likely each token was copied, and the tokens."""
        for indices, batch in evaluation(self.batched(pairs), self.device):
            memory = self.model.encode(batch.source, batch.source_lengths)
            found, copied = self.model.score(memory, batch.target)
            copied = torch.zeros_like(found) if copied is None else copied
            yield indices, -found.cpu().double(), copied.cpu().double(), batch.target[:, 1:].cpu()

    def _forced(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Forced:
        if self.model.generates is None:  # words that could be copied alone are unknown to it
            target = target.masked_fill(target >= self.tokeniser.size, self.tokeniser.unk)
        return forced(self.model, source, source_lengths, target)

    def batched(self, pairs: EncodedPairs) -> TextBatches:
        """Return texts and summaries as numbers in batches to evaluate in."""
        return TextBatches(pairs, batch_size=self.batch_size, seed=0)


def check(config: Config) -> None:
    """Raise UserError where the mechanism cannot serve the model, or a key has nothing to act on."""
    require_one(config.batch_size, config.batch_tokens)
    if not config.tokeniser().joint:
        raise UserError("tokeniser.joint=false: text and summary share one vocabulary; leave it true")
    config.model(11, config)


def train(config: Config, run: Run) -> dict[str, Any]:
    """Train on texts with summaries, keep the epoch nearest to the right ones, and test on others."""
    rouge = Rouge()
    data = config.data(run.seed)
    if not isinstance(data, Summaries):
        raise UserError("data: this experiment takes texts with summaries, such as data=headlines")
    tokeniser = config.tokeniser().fit(to_fit(data.train))
    run.save_json("tokeniser", tokeniser.to_json())
    summariser = _summariser(config, tokeniser, run.device)
    model = summariser.model.to(run.dtype)
    encoded = encode(tokeniser, data.train, *summariser.longest)
    _warn_of_cuts(tokeniser, data.train, config, run)
    draft = replace(summariser, search=greedy)  # for validation, which is to be quick
    batches = TextBatches(
        encoded, batch_size=config.batch_size, batch_tokens=config.batch_tokens, seed=run.seed
    )
    kept = fit_best(
        run,
        config,
        model,
        batches,
        loss=lambda batch: scored_loss(model, batch),
        evaluate=lambda: _validate(draft, data.valid, rouge),
        fingerprint={"tokeniser": tokeniser.fingerprint(), "texts": encoded.fingerprint()},
        unit="tokens",
        watch=Watch(
            run,
            model,
            lambda: summariser.looks(data.valid[:WATCHED]),
            tokens={"source_embedding": tokeniser.labels},
        ),
    )
    return _test(summariser, data.test, rouge, run) | kept


def load(run: TrainedRun) -> Summariser:
    """Return the summariser that the run trained, from its best checkpoint."""
    summariser = _summariser(run.config, from_json(run.saved("tokeniser")), run.device)
    restore_best(summariser.model, run.directory)
    return summariser


def development(run: TrainedRun, summariser: Summariser) -> Development:
    """Return the texts that the run validated on, measured as in training.

    A head that is silent still points at what to copy.
    """
    valid, model, rouge = run.config.data(run.seed).valid, summariser.model, Rouge()
    draft = replace(summariser, search=greedy)
    return Development(
        model,
        summariser.device,
        lambda: _validate(draft, valid, rouge),
        summariser.batched(encode(summariser.tokeniser, valid, *summariser.longest)),
        lambda batch: scored_loss(model, batch),
        GatedHeads(model),
    )


def _validate(summariser: Summariser, rows: Sequence[Summarised], rouge: Rouge) -> dict[str, float]:
    return rouge(_answered(summariser, rows)) | summariser.judge(rows)


def _summariser(config: Config, tokeniser: Tokeniser, device: torch.device) -> Summariser:
    model = config.model(tokeniser.size, config).to(device)
    longest = config.longest_text, config.longest_summary
    return Summariser(model, tokeniser, device, config.eval_batch_size, longest, config.search)


def _pairs(readings: Sequence[Reading], targets: Sequences) -> EncodedPairs:
    return EncodedPairs(Sequences(one.numbers for one in readings), targets, dropped=0)


def _warn_of_cuts(tokeniser: Tokeniser, rows: Sequence[Summarised], config: Config, run: Run) -> None:
    for name, texts, longest in (
        ("texts", (one.text for one in rows), config.longest_text),
        ("summaries", (one.summary for one in rows), config.longest_summary),
    ):
        if cut := sum(len(tokeniser.encode(text)) > longest for text in texts):
            run.warn(f"{cut} training {name} are longer than {longest} tokens and were cut")


def _answered(summariser: Summariser, rows: Sequence[Summarised]) -> list[tuple[str, str]]:
    """The right summary of each text, and the one that is made of it."""
    made = summariser.summarise([summariser.read(one.text) for one in rows])
    return [(one.summary, text) for one, text in zip(rows, made, strict=True)]


def _test(summariser: Summariser, rows: Sequence[Summarised], rouge: Rouge, run: Run) -> dict[str, Any]:
    pairs = _answered(summariser, rows)
    samples = [
        {"source": one.text, "target": right, "prediction": made}
        for one, (right, made) in zip(rows, pairs, strict=True)
    ]
    keep_rows(run, samples)
    _draw(summariser, rows, run)
    lead = rouge((one.summary, first_sentence(one.text)) for one in rows)
    return {
        **rouge(pairs),
        "rouge_l_lead": lead["rouge_l"],
        **_unknown(summariser, pairs),
        **summariser.judge(rows),
        "test_texts": len(rows),
    }


def _unknown(summariser: Summariser, pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Of the words of right summaries that are not in the vocabulary, the share that the ones made have."""
    found = [
        word in summariser.tokeniser.tokens(made)
        for right, made in pairs
        for word in summariser.unknown_words(right)
    ]
    return {"recall_unknown": sum(found) / len(found)} if found else {}


def _draw(summariser: Summariser, rows: Sequence[Summarised], run: Run) -> None:
    draw_losses(run)
    if summariser.model.attention is not None:
        shown = min(rows, key=lambda one: (len(one.text), one.text))
        run.figure("attention", heat_map(summariser.weights([shown.text])[0]))
    if summariser.model.generates is not None:
        drawn = rows[:_DRAWN]
        found = summariser.copied([one.text for one in drawn])
        lines = [Strip(one.summary, *made) for one, made in zip(drawn, found, strict=True)]
        run.figure("copied", strips(lines, f"{run.experiment}: right summaries, and how much was copied"))
