"""What does a text say in short? By default: which headline does a passage call for?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from attnrun.experiments.summarisation_model import Summariser

from attnrun.analysis.plots import draw_losses, heat_map
from attnrun.analysis.strips import Strip, strips
from attnrun.analysis.watch import WATCHED, Watch
from attnrun.attention import Mechanism
from attnrun.attention.gates import GatedHeads
from attnrun.data.batching import TextBatches, require_one
from attnrun.data.drawing import drawn
from attnrun.data.summaries import Summaries, Summarised, encode, first_sentence, to_fit
from attnrun.data.tokenisers import Recipe, Tokeniser, from_json
from attnrun.errors import UserError
from attnrun.models.decoding import Decoded, greedy
from attnrun.models.pointer_generator import PointerGenerator
from attnrun.ranges import PositiveInt
from attnrun.runs.run import Run
from attnrun.runs.trained import Measured, TrainedRun
from attnrun.training.course import fit_best, restore_best
from attnrun.training.development import Development
from attnrun.training.rouge import Rouge
from attnrun.training.scoring import keep_rows
from attnrun.training.seq2seq import PairCourse, scored_loss

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


def check(config: Config) -> None:
    """Raise UserError where the mechanism cannot serve the model, or a key has nothing to act on."""
    require_one(config.batch_size, config.batch_tokens)
    if not config.tokeniser().joint:
        raise UserError("tokeniser.joint=false: text and summary share one vocabulary; leave it true")
    config.model(11, config)


def train(config: Config, run: Run) -> dict[str, Any]:
    """Train on texts with summaries, keep the epoch nearest to the right ones, and test on others."""
    rouge = Rouge()
    data = _data(config, run.seed)
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
    metrics, rows = _tested(summariser, data.test, rouge)
    keep_rows(run, rows)
    _draw(summariser, data.test, run)
    return metrics | kept


def load(run: TrainedRun) -> Summariser:
    """Return the summariser that the run trained, from its best checkpoint."""
    summariser = _summariser(run.config, from_json(run.saved("tokeniser")), run.device)
    restore_best(summariser.model, run.directory)
    return summariser


def development(run: TrainedRun, summariser: Summariser) -> Development:
    """Return the texts that the run validated on, measured as in training.

    A head that is silent still points at what to copy.
    """
    valid, model, rouge = _data(run.config, run.seed).valid, summariser.model, Rouge()
    draft = replace(summariser, search=greedy)
    return Development(
        model,
        summariser.device,
        lambda: _validate(draft, valid, rouge),
        summariser.batched(encode(summariser.tokeniser, valid, *summariser.longest)),
        lambda batch: scored_loss(model, batch),
        GatedHeads(model),
    )


def evaluate(run: TrainedRun, summariser: Summariser) -> Measured:
    """Return what is made of the test texts, and the figures of that."""
    return _tested(summariser, _data(run.config, run.seed).test, Rouge())


def _data(config: Config, seed: int) -> Summaries:
    return drawn(config.data, seed, Summaries, "texts with summaries, such as data=headlines")


def _validate(summariser: Summariser, rows: Sequence[Summarised], rouge: Rouge) -> dict[str, float]:
    return {**rouge(_answered(summariser, rows)), **summariser.judge(rows)}


def _summariser(config: Config, tokeniser: Tokeniser, device: torch.device) -> Summariser:
    model = config.model(tokeniser.size, config).to(device)
    longest = config.longest_text, config.longest_summary
    return Summariser(model, tokeniser, device, config.eval_batch_size, longest, config.search)


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


def _tested(summariser: Summariser, texts: Sequence[Summarised], rouge: Rouge) -> Measured:
    pairs = _answered(summariser, texts)
    rows = [
        {"source": one.text, "target": right, "prediction": made}
        for one, (right, made) in zip(texts, pairs, strict=True)
    ]
    lead = rouge((one.summary, first_sentence(one.text)) for one in texts)
    metrics = {
        **rouge(pairs),
        "rouge_l_lead": lead["rouge_l"],
        **_unknown(summariser, pairs),
        **summariser.judge(texts),
        "test_texts": len(texts),
    }
    return metrics, rows


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
