"""Translation with an encoder-decoder: train on a corpus, translate, and show where the decoder looked.

Legend: B batch, S source length, T target length, L layers with attention, H heads, N queries (target
tokens), M keys (source tokens).
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from attnrun.analysis.maps import AttentionMap
from attnrun.analysis.plots import heat_map, loss_curves
from attnrun.data.batching import Batch, EncodedPairs, TextBatches, encode_pairs, restore
from attnrun.data.corpus import Corpus, Pair
from attnrun.data.tokenisers import Tokeniser, Word, from_json
from attnrun.errors import UserError
from attnrun.escape import for_markdown
from attnrun.models.decoding import Decoded, greedy
from attnrun.models.seq2seq import AttentionFactory
from attnrun.ranges import PositiveInt, Probability
from attnrun.runs.find import RunRecord
from attnrun.runs.run import Run
from attnrun.runs.trained import TrainedRun
from attnrun.training.checkpoint import load_best
from attnrun.training.loop import Trainer, fit
from attnrun.training.losses import projected_cross_entropy
from attnrun.training.metrics import bleu, chrf

PRIMARY = ("bleu", "max")
LONG = 16  # source tokens from which on a sentence counts as long
_SHOWN = 8  # sentences shown in TensorBoard after each epoch


@dataclass(frozen=True)
class Config:
    """The keys of a translation experiment beside the common ones."""

    corpus: Callable[[], Corpus]
    tokeniser: Callable[[], Word]
    model: Callable[[int, int, AttentionFactory | None], nn.Module]
    attention: Callable[[int, int], nn.Module] | None
    optim: Callable[..., torch.optim.Optimizer]
    schedule: Callable[..., torch.optim.lr_scheduler.LRScheduler]
    trainer: Trainer
    batch_size: PositiveInt = 64
    max_length: PositiveInt = 50  # tokens on either side; longer training pairs are left out
    label_smoothing: Probability = 0.0
    eval_batch_size: PositiveInt = 128


@dataclass(frozen=True)
class Translator:
    """A trained model with its tokenisers; what `load` returns."""

    model: Any  # a Seq2Seq that is an nn.Module
    source: Tokeniser
    target: Tokeniser
    device: torch.device
    batch_size: int = 128

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the translation of each text, by greedy search."""
        decoded = self._decode(inputs, need_weights=False)
        return [self.target.decode(tokens) for tokens in decoded.tokens]

    def unknown(self, inputs: Sequence[str]) -> list[str]:
        """Return the words of the texts that are not in the source vocabulary, each once."""
        found = {}
        for text in inputs:
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
        decoded = self._decode(inputs, need_weights=True)
        if decoded.weights is None:
            raise UserError("this model has no attention to show; train one with attention=bahdanau")
        chosen = [_choose(weights, layers, heads) for weights in decoded.weights]
        return [
            AttentionMap(
                self.target.labels(tokens), self.source.tokens(text), weights.float().cpu().numpy(), text
            )
            for text, tokens, weights in zip(inputs, decoded.tokens, chosen, strict=True)
        ]

    def _decode(self, inputs: Sequence[str], need_weights: bool) -> Decoded:
        pairs = encode_pairs([Pair(text, text) for text in inputs], self.source, self.source)
        return self.decode(pairs, need_weights)

    def decode(self, pairs: EncodedPairs, need_weights: bool = False) -> Decoded:
        """Translate the source sides of `pairs`, in their order."""
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
    corpus = config.corpus()
    for name, pairs in (("valid", corpus.valid), ("test", corpus.test)):
        if not pairs:
            raise UserError(f"the corpus has no {name} pairs to score by; give corpus.{name}=… more than 0")
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
        evaluate=lambda: _validate(translator, corpus.valid, run, draw=config.attention is not None),
        fingerprint=_fingerprint(translator, encoded),
        unit="tokens",
    )
    translator.model.load_state_dict(load_best(run.directory)["model"])
    return _test(translator, corpus, run)


def load(run: TrainedRun) -> Translator:
    """Return the translator that the run trained, from its best checkpoint."""
    source, target = (
        from_json(json.loads((run.directory / f"{side}_vocabulary.json").read_text(encoding="utf-8")))
        for side in ("source", "target")
    )
    model = run.config.model(source.size, target.size, run.config.attention)
    model.load_state_dict(load_best(run.directory)["model"])
    return Translator(model.to(run.device).eval(), source, target, run.device, run.config.eval_batch_size)


def _new_translator(config: Config, corpus: Corpus, run: Run) -> Translator:
    recipe = config.tokeniser()
    source = recipe.fit(pair.source for pair in corpus.train)
    target = recipe.fit(pair.target for pair in corpus.train)
    run.save_json("source_vocabulary", source.to_json())
    run.save_json("target_vocabulary", target.to_json())
    model = config.model(source.size, target.size, config.attention).to(run.device, run.dtype)
    return Translator(model, source, target, run.device, config.eval_batch_size)


def _loss(model: Any, batch: Batch, label_smoothing: float) -> tuple[Tensor, Tensor | int]:
    """Cross-entropy summed over real target tokens, and their number."""
    states = model.states(model.encode(batch.source, batch.source_lengths), batch.target_in)  # (B, T, D)
    return projected_cross_entropy(
        states, model.project, batch.target_out, 0, label_smoothing=label_smoothing
    )


def _validate(translator: Translator, pairs: Sequence[Pair], run: Run, draw: bool) -> dict[str, float]:
    hypotheses, loss = _translate(translator, pairs), _mean_loss(translator, pairs)
    rows = [
        {"source": p.source, "target": p.target, "prediction": h}
        for p, h in zip(pairs, hypotheses, strict=True)
    ]
    run.text("samples", _as_markdown(rows[:_SHOWN]))
    if draw:
        run.figure("attention", heat_map(translator.weights([pairs[0].source])[0]))
    references = [pair.target for pair in pairs]
    return {"loss": loss, "bleu": bleu(hypotheses, references, lowercase=_lowercase(translator))["score"]}


def _test(translator: Translator, corpus: Corpus, run: Run) -> dict[str, Any]:
    hypotheses = _translate(translator, corpus.test)
    rows = [
        {"source": pair.source, "target": pair.target, "prediction": hypothesis}
        for pair, hypothesis in zip(corpus.test, hypotheses, strict=True)
    ]
    run.samples("test", rows)
    run.text("test_samples", _as_markdown(rows[:_SHOWN]))
    curves = ("train/epoch_loss", "valid/loss")
    run.figure("loss", loss_curves(RunRecord(run.directory).metrics_rows(), curves, run.experiment))
    return {**_scores(rows, translator), "loss": _mean_loss(translator, corpus.test)}


def _scores(rows: Sequence[dict[str, str]], translator: Translator) -> dict[str, Any]:
    """sacreBLEU and chrF of the whole split, and BLEU of its long sentences."""
    lowercase = _lowercase(translator)
    whole = [row["prediction"] for row in rows], [row["target"] for row in rows]
    found, characters = bleu(*whole, lowercase=lowercase), chrf(*whole, lowercase=lowercase)
    scores: dict[str, Any] = {
        "bleu": found["score"],
        "chrf": characters["score"],
        "bleu_signature": found["signature"],
        "chrf_signature": characters["signature"],
        "test_pairs": len(rows),
    }
    long = [row for row in rows if len(translator.source.encode(row["source"])) >= LONG]
    if long:
        part = [row["prediction"] for row in long], [row["target"] for row in long]
        scores["bleu_long"] = bleu(*part, lowercase=lowercase)["score"]
    return scores


def _translate(translator: Translator, pairs: Sequence[Pair]) -> list[str]:
    return translator.predict([pair.source for pair in pairs])


@torch.no_grad()
def _mean_loss(translator: Translator, pairs: Sequence[Pair]) -> float:
    """Mean cross-entropy a target token, in nats."""
    model = translator.model
    training = model.training
    model.eval()
    parts = [_loss(model, batch.to(translator.device), 0.0) for batch in _in_batches(translator, pairs)]
    model.train(training)
    return float(sum(float(total) for total, _ in parts) / sum(int(count) for _, count in parts))


def _in_batches(translator: Translator, pairs: Sequence[Pair]) -> Iterator[Batch]:
    encoded = encode_pairs(pairs, translator.source, translator.target)
    batches = TextBatches(encoded, batch_size=translator.batch_size, seed=0)
    return (batches.collate(indices) for indices in batches.sequential())


def _lowercase(translator: Translator) -> bool:
    return bool(getattr(translator.target, "lowercase", False))


def _choose(weights: Tensor, layers: Sequence[int] | None, heads: Sequence[int] | None) -> Tensor:
    """Keep some layers and heads of weights (L, H, N, M)."""
    for axis, (name, chosen) in enumerate((("layer", layers), ("head", heads))):
        if chosen is None:
            continue
        there = weights.shape[axis]
        wrong = [number for number in chosen if not 0 <= number < there]
        if wrong:
            raise UserError(f"no {name} {wrong[0]}; this model has {there}, counted from 0")
        weights = weights.index_select(axis, torch.tensor(list(chosen), device=weights.device))
    return weights


def _as_markdown(rows: Sequence[dict[str, str]]) -> str:
    lines = ["| source | target | prediction |", "|---|---|---|"]
    cells = ([for_markdown(row[key]) for key in ("source", "target", "prediction")] for row in rows)
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in cells])


def _fingerprint(translator: Translator, pairs: EncodedPairs) -> dict[str, str]:
    return {
        "source_vocabulary": translator.source.fingerprint(),
        "target_vocabulary": translator.target.fingerprint(),
        "training_pairs": pairs.fingerprint(),
    }
