"""Translation with an encoder-decoder: train on a corpus, translate, and show where the decoder looked.

Legend: B batch, S source length, T target length, L layers with attention, H heads, N queries (target
tokens), M keys (source tokens).
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
from attnrun.data.batching import Batch, EncodedPairs, TextBatches, encode_pairs, restore
from attnrun.data.corpus import Corpus, Pair
from attnrun.data.filters import Filter
from attnrun.data.moses import Moses
from attnrun.data.tokenisers import Recipe, Tokeniser, fit_sides, from_json
from attnrun.data.words import natural_split, split
from attnrun.errors import UserError
from attnrun.models.decoding import Decoded, evaluating, greedy
from attnrun.models.seq2seq import AttentionFactory, ModelFactory, PositionFactory
from attnrun.ranges import PositiveInt, Probability
from attnrun.runs.board import markdown_table
from attnrun.runs.find import RunRecord
from attnrun.runs.run import Run
from attnrun.runs.trained import TrainedRun
from attnrun.training.checkpoint import load_best
from attnrun.training.loop import Trainer, fit
from attnrun.training.losses import projected_cross_entropy
from attnrun.training.metrics import bleu, translation_scores
from attnrun.training.textbook import Textbook, textbook_bleu

PRIMARY = ("bleu", "max")
LONG = 16  # source words from which on a sentence counts as long
_SHOWN = 8  # sentences shown in TensorBoard after each epoch
_SAMPLE = ("source", "target", "prediction")


@dataclass(frozen=True)
class Config:
    """The keys of a translation experiment beside the common ones."""

    corpus: Callable[[], Corpus]
    filter: Filter
    tokeniser: Callable[[], Recipe]
    model: ModelFactory
    attention: AttentionFactory | None
    normaliser: Normaliser
    position: PositionFactory
    optim: Callable[..., torch.optim.Optimizer]
    schedule: Callable[..., torch.optim.lr_scheduler.LRScheduler]
    trainer: Trainer
    batch_size: PositiveInt = 64
    max_length: PositiveInt = 50  # tokens on either side; longer training pairs are left out
    label_smoothing: Probability = 0.0
    eval_batch_size: PositiveInt = 128
    textbook: Textbook | None = None


@dataclass(frozen=True)
class Translator:
    """A trained model with its tokenisers; what `load` returns.

    `moses` turns plain text into the source tokens of the corpus and target tokens back, None where the
    corpus is of plain text.
    """

    model: Any  # a Seq2Seq that is an nn.Module
    source: Tokeniser
    target: Tokeniser
    moses: tuple[Moses, Moses] | None
    device: torch.device
    batch_size: int = 128

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the translation of each plain text, by greedy search."""
        return [self.plain(found) for found in self.translate([self._prepared(text) for text in inputs])]

    def unknown(self, inputs: Sequence[str]) -> list[str]:
        """Return the words of the texts that are not in the source vocabulary, each once."""
        found = {}
        for text in map(self._prepared, inputs):
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
        texts = [self._prepared(text) for text in inputs]
        decoded = self._decode(texts, need_weights=True)
        if decoded.weights is None:
            raise UserError("this model has no attention to show; train one with attention=bahdanau")
        found = zip(inputs, texts, decoded.tokens, decoded.weights, strict=True)
        return [
            AttentionMap(
                self.target.labels(ids), self.source.tokens(text), weights.float().cpu().numpy(), title
            ).choose(layers, heads)
            for title, text, ids, weights in found
        ]

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Return the translation of each source of a corpus, in the form of the corpus."""
        return [self.target.decode(tokens) for tokens in self._decode(texts, need_weights=False).tokens]

    def plain(self, translation: str) -> str:
        """Return a translation in the form of the corpus as plain text."""
        return self.moses[1].restore(translation) if self.moses else translation

    def _prepared(self, text: str) -> str:
        tokenised = self.moses[0].tokenise(text) if self.moses else text
        return tokenised if tokenised.strip() else text  # the scripts drop control characters

    def _decode(self, texts: Sequence[str], need_weights: bool) -> Decoded:
        pairs = encode_pairs([Pair(text, text) for text in texts], self.source, self.source)
        batches = TextBatches(pairs, batch_size=self.batch_size, seed=0)
        order = batches.sequential()
        parts = [self._decode_batch(batches.collate(indices), need_weights) for indices in order]
        weights = [part.weights for part in parts]
        return Decoded(
            restore(order, [tokens for part in parts for tokens in part.tokens]),
            restore(order, [score for part in parts for score in part.scores]),
            None if None in weights else restore(order, [one for some in weights for one in some or []]),
        )

    def _decode_batch(self, batch: Batch, need_weights: bool) -> Decoded:
        batch = batch.to(self.device)
        ends = {"bos": self.target.bos, "eos": self.target.eos}
        return greedy(self.model, batch.source, batch.source_lengths, need_weights=need_weights, **ends)


def train(config: Config, run: Run) -> dict[str, Any]:
    """Train on the corpus, keep the best epoch by validation BLEU, and score it on the test split."""
    corpus = _corpus(config, run)
    translator = _new_translator(config, corpus, run)
    encoded = encode_pairs(corpus.train, translator.source, translator.target, max_length=config.max_length)
    if encoded.dropped:
        run.warn(f"{encoded.dropped} training pairs are longer than {config.max_length} tokens and left out")
    batches = TextBatches(encoded, batch_size=config.batch_size, seed=run.seed)
    optimiser = config.optim(translator.model.parameters())
    fit(
        run,
        config.trainer,
        model=translator.model,
        optimiser=optimiser,
        schedule=config.schedule(optimiser, config.trainer.total_steps(len(batches.order(0)))),
        batches=batches,
        loss=lambda batch: _loss(translator.model, batch, config.label_smoothing),
        evaluate=lambda: _validate(translator, corpus, run, draw=config.attention is not None),
        fingerprint=_fingerprint(translator, encoded),
        unit="tokens",
    )
    translator.model.load_state_dict(load_best(run.directory)["model"])
    return _test(translator, corpus, run) | _textbook(translator, config.textbook, run)


def load(run: TrainedRun) -> Translator:
    """Return the translator that the run trained, from its best checkpoint."""
    source, target, form = (
        json.loads((run.directory / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("source_vocabulary", "target_vocabulary", "text")
    )
    translator = _translator(run.config, from_json(source), from_json(target), form["moses"], run.device)
    translator.model.load_state_dict(load_best(run.directory)["model"])
    translator.model.eval()
    return translator


def _corpus(config: Config, run: Run) -> Corpus:
    corpus, report = config.filter.apply(config.corpus())
    for name, pairs in (("valid", corpus.valid), ("test", corpus.test)):
        if not pairs:
            raise UserError(f"the corpus has no {name} pairs to score by; give corpus.{name}=… more than 0")
    if report.examples:
        run.warn(report.summary())
    run.save_json("filter", report.to_json())
    return corpus


def _new_translator(config: Config, corpus: Corpus, run: Run) -> Translator:
    source, target = fit_sides(config.tokeniser(), corpus)
    moses = [corpus.source_language, corpus.target_language] if corpus.moses else None
    run.save_json("source_vocabulary", source.to_json())
    run.save_json("target_vocabulary", target.to_json())
    run.save_json("text", {"moses": moses})
    translator = _translator(config, source, target, moses, run.device)
    translator.model.to(run.dtype)
    return translator


def _translator(
    config: Config, source: Tokeniser, target: Tokeniser, moses: list[str] | None, device: torch.device
) -> Translator:
    parts = (config.attention, config.tokeniser().joint, config.normaliser, config.position)
    model = config.model(source.size, target.size, *parts)
    scripts = None if moses is None else (Moses(moses[0]), Moses(moses[1]))
    return Translator(model.to(device), source, target, scripts, device, config.eval_batch_size)


def _loss(model: Any, batch: Batch, label_smoothing: float) -> tuple[Tensor, Tensor | int]:
    """Cross-entropy summed over real target tokens, and their number."""
    states = model.states(model.encode(batch.source, batch.source_lengths), batch.target_in)  # (B, T, D)
    return projected_cross_entropy(
        states, model.project, batch.target_out, 0, label_smoothing=label_smoothing
    )


def _validate(translator: Translator, corpus: Corpus, run: Run, draw: bool) -> dict[str, float]:
    rows = _rows(translator, corpus.valid)
    run.text("samples", markdown_table(rows[:_SHOWN], _SAMPLE))
    if draw:
        first = rows[0].get("plain_source", rows[0]["source"])
        run.figure("attention", heat_map(translator.weights([first])[0]))
    score = bleu(*_columns(rows, "prediction", "target"), **_scoring(translator, corpus))["score"]
    return {"loss": _mean_loss(translator, corpus.valid), "bleu": score}


def _test(translator: Translator, corpus: Corpus, run: Run) -> dict[str, Any]:
    rows = _rows(translator, corpus.test)
    run.samples("test", rows)
    run.text("test_samples", markdown_table(rows[:_SHOWN], _SAMPLE))
    curves = ("train/epoch_loss", "valid/loss")
    run.figure("loss", loss_curves(RunRecord(run.directory).metrics_rows(), curves, run.experiment))
    scoring = _scoring(translator, corpus)
    scores = translation_scores(*_columns(rows, "prediction", "target"), **scoring)
    how = natural_split(corpus.tokenised)
    long = [row for row in rows if len(split(row["source"], how)) >= LONG]
    if long:
        scores["bleu_long"] = bleu(*_columns(long, "prediction", "target"), **scoring)["score"]
    if "plain_target" in rows[0]:
        scores |= translation_scores(*_columns(rows, "plain_prediction", "plain_target"), suffix="_cased")
    return {**scores, "test_pairs": len(rows), "loss": _mean_loss(translator, corpus.test)}


def _textbook(translator: Translator, textbook: Textbook | None, run: Run) -> dict[str, float]:
    """Their two figures: the loss of the last epoch in their unit, and the mean BLEU of their phrases."""
    if textbook is None:
        return {}
    rows = _rows(translator, [Pair(source, target) for source, target in textbook.phrases])
    scores = [textbook_bleu(row["prediction"].split(), row["target"].split()) for row in rows]
    run.samples("phrases", [{**row, "bleu": score} for row, score in zip(rows, scores, strict=True)])
    logged = RunRecord(run.directory).metrics_rows()
    losses = [row["train/epoch_loss"] for row in logged if "train/epoch_loss" in row]
    return textbook.figures(scores, losses[-1])


def _rows(translator: Translator, pairs: Sequence[Pair]) -> list[dict[str, str]]:
    """Translate the sources; where the corpus is in Moses tokens, the rows hold plain text too."""
    predictions = translator.translate([pair.source for pair in pairs])
    rows = [
        {"source": pair.source, "target": pair.target, "prediction": prediction}
        for pair, prediction in zip(pairs, predictions, strict=True)
    ]
    if translator.moses:
        for row, pair in zip(rows, pairs, strict=True):
            row["plain_source"] = translator.moses[0].restore(pair.source)
            row["plain_target"] = pair.raw_target or translator.plain(pair.target)
            row["plain_prediction"] = translator.plain(row["prediction"])
    return rows


def _scoring(translator: Translator, corpus: Corpus) -> dict[str, Any]:
    """How sacreBLEU is to read the texts: tokens as they stand, or plain text by its own tokeniser 13a."""
    lowercase = bool(getattr(translator.target, "lowercase", False))
    return {"lowercase": lowercase, "tokenize": "none" if corpus.tokenised else "13a"}


def _columns(rows: Sequence[dict[str, str]], *names: str) -> list[list[str]]:
    return [[row[name] for row in rows] for name in names]


@torch.no_grad()
def _mean_loss(translator: Translator, pairs: Sequence[Pair]) -> float:
    """Mean cross-entropy a target token, in nats."""
    encoded = encode_pairs(pairs, translator.source, translator.target)
    batches = TextBatches(encoded, batch_size=translator.batch_size, seed=0)
    loaded = (batches.collate(indices).to(translator.device) for indices in batches.sequential())
    with evaluating(translator.model):
        parts = [_loss(translator.model, batch, 0.0) for batch in loaded]
    return float(sum(float(total) for total, _ in parts) / sum(int(count) for _, count in parts))


def _fingerprint(translator: Translator, pairs: EncodedPairs) -> dict[str, str]:
    return {
        "source_vocabulary": translator.source.fingerprint(),
        "target_vocabulary": translator.target.fingerprint(),
        "training_pairs": pairs.fingerprint(),
    }
