"""Translation with an encoder-decoder: train on a corpus, translate, and show where the decoder looked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch

from attnrun.analysis.alignment import alignment_scores, strongest
from attnrun.analysis.maps import AttentionMap, attention_maps
from attnrun.analysis.plots import heat_map, loss_curves
from attnrun.analysis.word_weights import by_shift, pieces_of
from attnrun.attention import Mechanism
from attnrun.data.batching import EncodedPairs, Sequences, TextBatches, encode_pairs, require_one
from attnrun.data.corpus import Corpus, Pair
from attnrun.data.dropout import redraws
from attnrun.data.filters import Filter
from attnrun.data.moses import Form
from attnrun.data.tokenisers import (
    Recipe,
    Tokeniser,
    WordTokeniser,
    fit_sides,
    from_json,
    require_unknown_words,
)
from attnrun.data.words import Split, natural_split, split
from attnrun.errors import UserError
from attnrun.models.decoding import Decoded, forced, greedy
from attnrun.models.ensemble import Ensemble
from attnrun.models.seq2seq import ModelFactory
from attnrun.ranges import PositiveInt, Probability
from attnrun.runs.find import RunRecord
from attnrun.runs.run import Run
from attnrun.runs.trained import TrainedRun
from attnrun.training import seq2seq
from attnrun.training.course import LOSSES, fit_best, restore_best
from attnrun.training.scoring import how_scored, rows_bleu, rows_scores, show_rows, translated_rows
from attnrun.training.textbook import Textbook

PRIMARY = ("bleu", "max")
LONG = 16  # source words from which on a sentence counts as long


@dataclass(frozen=True, kw_only=True)
class Config(Mechanism, seq2seq.PairCourse):
    """The keys of a translation experiment beside the common ones.

    `replace_unknown` puts in the place of each `<unk>` of a translation the source word that weighed most for
    it (Luong et al. 2015, Addressing the Rare Word Problem; by attention as in Jean et al. 2015).
    """

    corpus: Callable[[], Corpus]
    filter: Filter
    tokeniser: Callable[[], Recipe]
    model: ModelFactory
    search: Callable[..., Decoded] = greedy
    max_length: PositiveInt = 50  # tokens on either side; longer training pairs are left out
    label_smoothing: Probability = 0.0
    replace_unknown: bool = False
    textbook: Textbook | None = None


@dataclass(frozen=True)
class Translator:
    """A trained model with its tokenisers; what `load` returns.

    `form` turns plain text into what the corpus holds, and back. `replace_unknown` needs word tokenisers.
    """

    model: Any  # a Seq2Seq that is an nn.Module
    source: Tokeniser
    target: Tokeniser
    form: Form
    device: torch.device
    batch_size: int = 128
    replace_unknown: bool = False
    search: Callable[..., Decoded] = greedy

    @property
    def fingerprint(self) -> str:
        """Equal for translators that read and write the same numbers for the same texts."""
        return f"{self.source.fingerprint()} {self.target.fingerprint()} {self.form.languages is None}"

    def joined(self, others: Sequence["Translator"]) -> "Translator":
        """Return one that takes the mean of all models' probabilities; their fingerprints are equal."""
        return replace(self, model=Ensemble([self.model, *(other.model for other in others)]))

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the translation of each plain text."""
        return list(map(self.form.plain, self.translate(list(map(self.form.source, inputs)))))

    def batches(self, inputs: Sequence[str]) -> list[list[int]]:
        """Return which texts are translated together, by their places, the longest first."""
        return self._read(list(map(self.form.source, inputs))).sequential()

    def candidates(self, inputs: Sequence[str], count: int) -> list[list[seq2seq.Candidate]]:
        """Return `count` translations of each plain text; unknown words stay."""
        found = self._search(list(map(self.form.source, inputs)), need_weights=False, count=count)
        return seq2seq.texts(found, lambda tokens: self.form.plain(self.target.decode(tokens)))

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[seq2seq.Scored]:
        """Return the log-probabilities of given translations: pairs of plain texts."""
        prepared = [Pair(self.form.source(source), self.form.target(target)) for source, target in pairs]
        batches = self._batches(encode_pairs(prepared, self.source, self.target))
        return seq2seq.score(partial(forced, self.model, need_weights=False), batches, self.device)

    def unknown(self, inputs: Sequence[str]) -> list[str]:
        """Return the words of the texts that are not in the source vocabulary, each once."""
        found = {}
        for text in map(self.form.source, inputs):
            pairs = zip(self.source.tokens(text), self.source.encode(text), strict=True)
            found |= {token: None for token, number in pairs if number == self.source.unk}
        return list(found)

    def weights(
        self, inputs: Sequence[str], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> list[AttentionMap]:
        """Return where the decoder looked while it translated each text, one map a text.

        `layers` and `heads` choose some of each; None takes all. Raises UserError where the model has no
        attention, or not so many layers or heads.
        """
        sources = list(map(self.form.source, inputs))
        found = self._search(sources, need_weights=True)
        queries = [self.target.labels(answer.tokens) for answer in found]
        keys = list(map(self.source.tokens, sources))
        return attention_maps(inputs, queries, keys, [answer.weights for answer in found], layers, heads)

    def self_weights(
        self, inputs: Sequence[str], side: str, layers: Sequence[int] | None, heads: Sequence[int] | None
    ) -> list[AttentionMap]:
        """Return where each token of the "source", or of the "target" found for it, looks at its own side.

        Raises UserError as `weights` does, and where the model has no self-attention.
        """
        sources = list(map(self.form.source, inputs))
        found = self._search(sources, need_weights=False)
        read = [[self.target.bos, *answer.tokens] for answer in found]  # by the decoder
        written = Sequences([*numbers, self.target.eos] for numbers in read)
        batches = self._batches(EncodedPairs(self._read(sources).pairs.source, written, 0))
        looks = seq2seq.self_looks(self.model, batches, self.device, side)
        own = map(self.source.tokens, sources) if side == "source" else map(self.target.labels, read)
        names = list(own)
        return attention_maps(inputs, names, names, looks, layers, heads)

    def translate(self, sources: Sequence[str]) -> list[str]:
        """Return the translation of each source of a corpus, in the form of the corpus."""
        found = self._search(sources, need_weights=self.replace_unknown)
        if not self.replace_unknown:
            return [self.target.decode(answer.tokens) for answer in found]
        return [self._copying(answer, text) for answer, text in zip(found, sources, strict=True)]

    def judge(self, pairs: Sequence[Pair], how: Split | None = None) -> dict[str, float]:
        """Return the mean cross-entropy of a right token, end included, and `alignment_scores`.

        `how` is how the pairs' links count words; without it, or without attention, there are no such scores.
        """
        loss, looks = self._look(pairs, how)
        gold = [pair.links for pair in pairs], [pair.possible for pair in pairs]
        return {"loss": loss, **(alignment_scores([look[0] for look in looks], *gold) if looks else {})}

    def word_weights(self, pairs: Sequence[Pair], how: Split) -> list[dict[int, seq2seq.Array]]:
        """Return `by_shift` the weights (L, H, N, M) between the words of pairs in the form of the corpus.

        There are none without attention. `how` says what a word is.
        """
        return self._look(pairs, how)[1]

    def _look(self, pairs: Sequence[Pair], how: Split | None) -> tuple[float, list[dict[int, seq2seq.Array]]]:
        batches = self._batches(encode_pairs(pairs, self.source, self.target))
        score = partial(forced, self.model, need_weights=how is not None)
        loss, looks = seq2seq.judge(score, batches, self.device)
        if how is None or looks is None:
            return loss, []
        targets = [pieces_of(self.target.tokens(pair.target), split(pair.target, how)) for pair in pairs]
        sources = [pieces_of(self.source.tokens(pair.source), split(pair.source, how)) for pair in pairs]
        return loss, [by_shift(*cut) for cut in zip(looks, targets, sources, strict=True)]

    def _copying(self, answer: seq2seq.Answer, text: str) -> str:
        """The text of an answer to `text`, each unknown word the source word that weighs most for it."""
        words, target = self.source.tokens(text), cast(WordTokeniser, self.target)
        places = strongest(answer.weights)
        return target.decode_copying(answer.tokens, [None if at is None else words[at] for at in places])

    def _search(self, sources: Sequence[str], need_weights: bool, count: int = 1) -> list[seq2seq.Answer]:
        ends = {"bos": self.target.bos, "eos": self.target.eos, "count": count}
        search = partial(self.search, self.model, need_weights=need_weights, **ends)
        return seq2seq.decode(search, self._read(sources), self.device)

    def _read(self, sources: Sequence[str]) -> TextBatches:
        return self._batches(encode_pairs([Pair(text, text) for text in sources], self.source, self.source))

    def _batches(self, pairs: EncodedPairs) -> TextBatches:
        return TextBatches(pairs, batch_size=self.batch_size, seed=0)


def check(config: Config) -> None:
    """Raise UserError where the mechanism cannot serve the model, or a key has nothing to act on."""
    require_one(config.batch_size, config.batch_tokens)
    recipe = config.tokeniser()
    config.model(11, 11 if recipe.joint else 13, config, recipe.joint)
    if config.replace_unknown and config.attention is None:
        better = "set replace_unknown=false, or choose model=gru attention=bahdanau"
        raise UserError(f"replace_unknown: only attention tells what to copy; {better}")
    if config.replace_unknown:
        require_unknown_words(recipe, "replace_unknown")


def train(config: Config, run: Run) -> dict[str, Any]:
    """Train on the corpus, keep the best epoch by validation BLEU, and score it on the test split."""
    corpus = _corpus(config, run)
    translator = _new_translator(config, corpus, run)
    encoded = encode_pairs(corpus.train, translator.source, translator.target, max_length=config.max_length)
    if encoded.dropped:
        run.warn(f"{encoded.dropped} training pairs are longer than {config.max_length} tokens and left out")
    redraw = redraws(config.tokeniser(), (translator.source, translator.target), config.max_length)
    sizes = {"batch_size": config.batch_size, "batch_tokens": config.batch_tokens}
    batches = TextBatches(encoded, **sizes, seed=run.seed, redraw=redraw)
    draft = replace(translator, search=greedy)  # for validation, which is to be quick
    kept = fit_best(
        run,
        config,
        translator.model,
        batches,
        loss=lambda batch: seq2seq.forced_loss(translator.model, batch, config.label_smoothing),
        evaluate=lambda: _validate(draft, corpus, run, draw=config.attention is not None),
        fingerprint={
            "source_vocabulary": translator.source.fingerprint(),
            "target_vocabulary": translator.target.fingerprint(),
            "training_pairs": encoded.fingerprint(),
        },
        unit="tokens",
    )
    scores = _test(translator, corpus, run, attends=config.attention is not None)
    return scores | kept | (config.textbook.report(translator, run, LOSSES[0]) if config.textbook else {})


def load(run: TrainedRun) -> Translator:
    """Return the translator that the run trained, from its best checkpoint."""
    source, target, form = map(run.saved, ("source_vocabulary", "target_vocabulary", "text"))
    moses = Form(form["moses"])
    translator = _translator(run.config, from_json(source), from_json(target), moses, run.device)
    restore_best(translator.model, run.directory)
    return translator


def _corpus(config: Config, run: Run) -> Corpus:
    corpus, report = config.filter.apply(config.corpus())
    corpus.require_held_out()
    if report.examples:
        run.warn(report.summary())
    run.save_json("filter", report.to_json())
    return corpus


def _new_translator(config: Config, corpus: Corpus, run: Run) -> Translator:
    source, target = fit_sides(config.tokeniser(), corpus)
    form = Form([corpus.source_language, corpus.target_language] if corpus.moses else None)
    run.save_json("source_vocabulary", source.to_json())
    run.save_json("target_vocabulary", target.to_json())
    run.save_json("text", {"moses": form.languages})
    translator = _translator(config, source, target, form, run.device)
    translator.model.to(run.dtype)
    return translator


def _translator(
    config: Config, source: Tokeniser, target: Tokeniser, form: Form, device: torch.device
) -> Translator:
    model = config.model(source.size, target.size, config, config.tokeniser().joint)
    how = form, device, config.eval_batch_size, config.replace_unknown, config.search
    return Translator(model.to(device), source, target, *how)


def _validate(translator: Translator, corpus: Corpus, run: Run, draw: bool) -> dict[str, float]:
    rows = translated_rows(translator, corpus.valid)
    show_rows(run, "samples", rows)
    if draw:
        first = rows[0].get("plain_source", rows[0]["source"])
        run.figure("attention", heat_map(translator.weights([first])[0]))
    score = rows_bleu(rows, **how_scored(translator.target, corpus.tokenised))
    return {"bleu": score, **translator.judge(corpus.valid)}


def _test(translator: Translator, corpus: Corpus, run: Run, attends: bool) -> dict[str, Any]:
    rows = translated_rows(translator, corpus.test)
    run.samples("test", rows)
    show_rows(run, "test_samples", rows)
    run.figure("loss", loss_curves(RunRecord(run.directory).metrics_rows(), LOSSES, run.experiment))
    how = natural_split(corpus.tokenised)
    scores = rows_scores(
        rows,
        **how_scored(translator.target, corpus.tokenised),
        is_long=lambda text: len(split(text, how)) >= LONG,
    )
    judged = translator.judge(corpus.test, how if attends and corpus.aligned else None)
    return {**scores, **judged, "test_pairs": len(rows)}
