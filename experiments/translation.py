"""Translation with an encoder-decoder: train on a corpus, translate, and show where the decoder looked."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from attnrun.experiments.translation_model import Translator

from attnrun.analysis.plots import LOSSES, draw_losses, heat_map
from attnrun.analysis.watch import WATCHED, Watch
from attnrun.attention import Mechanism
from attnrun.attention.gates import GatedHeads
from attnrun.data.batching import TextBatches, encode_pairs, require_one
from attnrun.data.corpus import Corpus, Pair
from attnrun.data.dropout import redraws
from attnrun.data.filters import Filter
from attnrun.data.moses import Form
from attnrun.data.tokenisers import (
    Recipe,
    Tokeniser,
    fit_sides,
    from_json,
    require_unknown_words,
)
from attnrun.data.words import natural_split, split
from attnrun.errors import UserError
from attnrun.models.decoding import Decoded, greedy
from attnrun.models.seq2seq import ModelFactory
from attnrun.ranges import PositiveInt, Probability
from attnrun.runs.run import Run
from attnrun.runs.trained import Measured, TrainedRun
from attnrun.training import seq2seq
from attnrun.training.course import fit_best, restore_best
from attnrun.training.development import Development
from attnrun.training.scoring import how_scored, keep_rows, rows_bleu, rows_scores, show_rows, translated_rows
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
    batches = TextBatches(
        encoded,
        batch_size=config.batch_size,
        batch_tokens=config.batch_tokens,
        seed=run.seed,
        redraw=redraw,
    )
    draft = replace(translator, search=greedy)  # for validation, which is to be quick
    kept = fit_best(
        run,
        config,
        translator.model,
        batches,
        loss=lambda batch: seq2seq.forced_loss(translator.model, batch, config.label_smoothing),
        evaluate=lambda: _validate(draft, corpus, run),
        fingerprint={
            "source_vocabulary": translator.source.fingerprint(),
            "target_vocabulary": translator.target.fingerprint(),
            "training_pairs": encoded.fingerprint(),
        },
        unit="tokens",
        watch=Watch(
            run,
            translator.model,
            lambda: translator.looks(corpus.valid[:WATCHED]),
            tokens={
                "source_embedding": translator.source.labels,
                "target_embedding": translator.target.labels,
            },
        ),
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
    corpus.require_parts()
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


def development(run: TrainedRun, translator: Translator) -> Development:
    """Return the validation split of the run's corpus, measured as in training."""
    corpus = run.config.filter.apply(run.config.corpus())[0]
    draft, model = replace(translator, search=greedy), translator.model
    return Development(
        model,
        translator.device,
        lambda: _validate(draft, corpus),
        translator.batched(encode_pairs(corpus.valid, translator.source, translator.target)),
        lambda batch: seq2seq.forced_loss(model, batch),
        GatedHeads(model),
    )


def evaluate(run: TrainedRun, translator: Translator) -> Measured:
    """Return the scores of the test split, and its pairs with their translations.

    Plain text is put into the form of the training. Raises UserError where the corpus holds tokens, and the
    training had plain text.
    """
    corpus = run.config.filter.apply(run.config.corpus())[0]
    corpus.require_test()
    if corpus.moses and translator.form.languages is None:
        given = "this corpus holds the tokens of Moses; give plain text, such as corpus.text=raw of multi30k"
        raise UserError(f"corpus: the model was trained on plain text, and {given}")
    if translator.form.languages and not corpus.moses:
        corpus = _written(corpus, translator.form)
    return _scored(translator, corpus, attends=run.config.attention is not None)


def _written(corpus: Corpus, form: Form) -> Corpus:
    """A corpus of plain text as the training wrote its own; tokens with spaces between them stay."""
    if corpus.tokenised:
        return corpus
    if corpus.aligned:
        raise UserError(
            "corpus: its alignments count the words of plain text, and the model reads tokens of Moses; "
            "leave out corpus.alignments or corpus.alignment_column"
        )

    def written(pair: Pair) -> Pair:
        return Pair(form.source(pair.source), form.target(pair.target), raw_target=pair.target)

    return replace(corpus, test=list(map(written, corpus.test)), tokenised=True)


def _validate(translator: Translator, corpus: Corpus, run: Run | None = None) -> dict[str, float]:
    rows = translated_rows(translator, corpus.valid)
    if run is not None:
        show_rows(run, "samples", rows)
    score = rows_bleu(rows, **how_scored(translator.target, corpus.tokenised))
    return {"bleu": score, **translator.judge(corpus.valid)}


def _test(translator: Translator, corpus: Corpus, run: Run, attends: bool) -> dict[str, Any]:
    scores, rows = _scored(translator, corpus, attends)
    keep_rows(run, rows)
    draw_losses(run)
    if attends:
        first = rows[0].get("plain_source", rows[0]["source"])
        run.figure("attention", heat_map(translator.weights([first])[0]))
    return scores


def _scored(translator: Translator, corpus: Corpus, attends: bool) -> Measured:
    rows = translated_rows(translator, corpus.test)
    how = natural_split(corpus.tokenised)
    scores = rows_scores(
        rows,
        **how_scored(translator.target, corpus.tokenised),
        is_long=lambda text: len(split(text, how)) >= LONG,
    )
    judged = translator.judge(corpus.test, how if attends and corpus.aligned else None)
    return {**scores, **judged, "test_pairs": len(rows)}, rows
