"""Which label has a text? By default: which language is a name or a short phrase of?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from attnrun.analysis.confusion import confusion, confusion_figure
from attnrun.analysis.maps import AttentionMap, attention_maps
from attnrun.analysis.plots import draw_losses
from attnrun.analysis.strips import Strip, strips
from attnrun.analysis.watch import WATCHED, Watch
from attnrun.attention import Mechanism
from attnrun.attention.gates import GatedHeads
from attnrun.data.batching import Sequences
from attnrun.data.drawing import drawn
from attnrun.data.examples import ExampleBatches, Examples, answerable
from attnrun.data.labelled import Labelled, LabelledTexts
from attnrun.data.tokenisers import Recipe, Tokeniser, from_json
from attnrun.errors import UserError
from attnrun.models.classifier import RnnClassifier, TextClassifier
from attnrun.models.linear import best_linear, share_right, token_counts
from attnrun.ranges import PositiveInt, Probability
from attnrun.runs.run import Run
from attnrun.runs.trained import Measured, TrainedRun
from attnrun.training.course import Course, fit_best, restore_best
from attnrun.training.development import Development
from attnrun.training.labels import Judged, judge, label_loss, looks
from attnrun.training.scoring import keep_rows

PRIMARY = ("accuracy", "max")
_PENALTIES = (1e-6, 1e-5, 1e-4)  # on the weights of a bag of tokens
_DRAWN = 16  # texts in the picture of what was looked at


@dataclass(frozen=True, kw_only=True)
class Config(Mechanism, Course):
    """The keys of a classification beside the common ones; texts longer than `max_length` are cut."""

    data: Callable[[int], LabelledTexts]
    tokeniser: Callable[[], Recipe]
    model: Callable[[int, int, Mechanism], TextClassifier]
    batch_size: PositiveInt = 64
    max_length: PositiveInt = 200  # tokens
    label_smoothing: Probability = 0.0


@dataclass(frozen=True)
class Classifier:
    """A trained model with its tokeniser and labels; what `load` returns."""

    model: Any  # a classifier of attnrun.models
    tokeniser: Tokeniser
    labels: list[str]
    device: torch.device
    max_length: int
    batch_size: int

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the label of each text.

        Raises UserError for a text without a token.
        """
        judged = self.judge(self._asked(inputs))
        return [self.labels[answer] for (answer,) in judged.answers]

    def weights(
        self, inputs: Sequence[str], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> list[AttentionMap]:
        """Return where the model looked in each text: a map with a row for each query.

        That is one for an RNN, and every token where tokens look at one another. Raises UserError where the
        model has no attention, or not so many layers or heads, and for a text without a token.
        """
        found = looks(self.model, self.batched(self._asked(inputs)), self.device)
        keys = [self.tokeniser.tokens(text)[: self.max_length] for text in inputs]
        queries = [["label"]] * len(keys) if isinstance(self.model, RnnClassifier) else keys
        return attention_maps(inputs, queries, keys, found, layers, heads)

    def encode(self, rows: Sequence[Labelled]) -> Examples:
        """Return texts as numbers, with the numbers of their labels."""
        numbers = {label: number for number, label in enumerate(self.labels)}
        answers = torch.tensor([numbers[one.label] for one in rows])
        return Examples(Sequences(self._numbers(one.text) for one in rows), answers)

    def judge(self, examples: Examples) -> Judged:
        """Return the answers to examples, with the loss."""
        return judge(self.model, self.batched(examples), self.device)

    def _asked(self, inputs: Sequence[str]) -> Examples:
        for text in inputs:
            if not self._numbers(text):
                raise UserError(f"a text to classify is blank: {text!r}")
        return self.encode([Labelled(text, self.labels[0]) for text in inputs])

    def _numbers(self, text: str) -> list[int]:
        return self.tokeniser.encode(text)[: self.max_length]

    def batched(self, examples: Examples) -> ExampleBatches:
        """Return examples in batches to evaluate in."""
        return ExampleBatches(examples, self.batch_size, seed=0)


def check(config: Config) -> None:
    """Raise UserError where the mechanism cannot serve the model, or a choice finds nothing to act on."""
    config.model(11, 3, config)


def train(config: Config, run: Run) -> dict[str, Any]:
    """Train on the training texts, keep the epoch with most labels right, and test on others."""
    data = _data(config, run.seed)
    data = _known(data, data.labels, run.warn)
    tokeniser = config.tokeniser().fit(one.text for one in data.train)
    run.save_json("tokeniser", tokeniser.to_json())
    run.save_json("labels", data.labels)
    classifier = _classifier(config, tokeniser, data.labels, run.device)
    classifier.model.to(run.dtype)
    parts = {name: classifier.encode(getattr(data, name)) for name in ("train", "valid", "test")}
    model = classifier.model
    kept = fit_best(
        run,
        config,
        model,
        ExampleBatches(parts["train"], config.batch_size, run.seed),
        loss=lambda batch: label_loss(
            model(batch.inputs, batch.lengths), batch.targets, config.label_smoothing
        ),
        evaluate=lambda: _figures(classifier.judge(parts["valid"])),
        fingerprint={"tokeniser": tokeniser.fingerprint(), "examples": parts["train"].fingerprint()},
        unit="texts",
        watch=_watch(classifier, data, run, attends=config.attention is not None),
    )
    judged = classifier.judge(parts["test"])
    _show(classifier, data.test, judged, run, attends=config.attention is not None)
    return _figures(judged) | _bag(classifier, parts) | kept | {"test_texts": len(judged.answers)}


def load(run: TrainedRun) -> Classifier:
    """Return the classifier that the run trained, from its best checkpoint."""
    labels = run.saved("labels")
    classifier = _classifier(run.config, from_json(run.saved("tokeniser")), labels, run.device)
    restore_best(classifier.model, run.directory)
    return classifier


def development(run: TrainedRun, classifier: Classifier) -> Development:
    """Return the texts that the run validated on, measured as in training."""
    data, model = _data(run.config, run.seed), classifier.model
    valid = classifier.encode(_known(data, classifier.labels).valid)
    return Development(
        model,
        classifier.device,
        lambda: _figures(classifier.judge(valid)),
        classifier.batched(valid),
        lambda batch: label_loss(model(batch.inputs, batch.lengths), batch.targets),
        GatedHeads(model),
    )


def evaluate(run: TrainedRun, classifier: Classifier) -> Measured:
    """Return what the test texts are labelled, and the figures of that."""
    test = _known(_data(run.config, run.seed), classifier.labels).test
    judged = classifier.judge(classifier.encode(test))
    return _figures(judged) | {"test_texts": len(test)}, _rows(classifier, test, judged)


def _data(config: Config, seed: int) -> LabelledTexts:
    return drawn(config.data, seed, LabelledTexts, "texts with labels, such as data=surnames")


def _classifier(config: Config, tokeniser: Tokeniser, labels: list[str], device: torch.device) -> Classifier:
    model = config.model(tokeniser.size, len(labels), config).to(device)
    return Classifier(model, tokeniser, labels, device, config.max_length, config.eval_batch_size)


def _watch(classifier: Classifier, data: LabelledTexts, run: Run, attends: bool) -> Watch:
    texts = [one.text for one in data.valid[:WATCHED]]
    tokens = {"reader.embedding": classifier.tokeniser.labels}
    ordered = not isinstance(classifier.model, RnnClassifier)  # whose one query stands nowhere
    return Watch(
        run,
        classifier.model,
        lambda: {"": classifier.weights(texts)} if attends else {},
        ordered=ordered,
        tokens=tokens,
    )


def _known(
    data: LabelledTexts, labels: Sequence[str], warn: Callable[[str], object] = lambda _: None
) -> LabelledTexts:
    what = "texts have a label that no training text has"
    found: LabelledTexts = answerable(data, lambda one: one.label in labels, what, warn)
    return found


def _figures(judged: Judged) -> dict[str, float]:
    """Accuracy, loss in nats, and the mean of the labels' F1, which counts a rare label as much as others."""
    right, answers = ([one[0] for one in side] for side in (judged.right, judged.answers))
    counts = confusion(right, answers, 1 + max(*right, *answers))
    both = counts.sum(0) + counts.sum(1)
    f1 = 2 * np.diag(counts)[both > 0] / both[both > 0]
    return {**judged.figures, "macro_f1": float(f1.mean())}


def _bag(classifier: Classifier, parts: dict[str, Examples]) -> dict[str, float]:
    """The accuracy of a logistic regression on the counts of tokens, which knows no order."""

    def counted(examples: Examples) -> tuple[torch.Tensor, torch.Tensor]:
        batch = ExampleBatches(examples, 1, 0).collate(range(len(examples))).to(classifier.device)
        return token_counts(batch.inputs, classifier.tokeniser.size), batch.targets

    train, valid, test = (counted(parts[name]) for name in ("train", "valid", "test"))
    return {"accuracy_bag": share_right(best_linear(train, valid, len(classifier.labels), _PENALTIES), *test)}


def _rows(classifier: Classifier, texts: Sequence[Labelled], judged: Judged) -> list[dict[str, str]]:
    return [
        {"source": one.text, "target": one.label, "prediction": classifier.labels[answer]}
        for one, (answer,) in zip(texts, judged.answers, strict=True)
    ]


def _show(classifier: Classifier, texts: Sequence[Labelled], judged: Judged, run: Run, attends: bool) -> None:
    samples = _rows(classifier, texts, judged)
    keep_rows(run, samples)
    draw_losses(run)
    right, found = ([one[0] for one in side] for side in (judged.right, judged.answers))
    counts = confusion(right, found, len(classifier.labels))
    run.figure("confusion", confusion_figure(counts, classifier.labels, run.experiment))
    drawn = samples[:: max(1, len(samples) // _DRAWN)][:_DRAWN]
    if attends:
        maps = classifier.weights([row["source"] for row in drawn])
        run.figure(
            "attention", strips([_strip(*pair) for pair in zip(drawn, maps, strict=True)], run.experiment)
        )


def _strip(row: dict[str, str], look: AttentionMap) -> Strip:
    """The tokens of a text by the weight that each got in the last layer, of all heads and queries."""
    got = look.weights[-1].mean((0, 1))
    right, answer = row["target"], row["prediction"]
    title = answer if answer == right else f"{answer}, not {right}"
    return Strip(title, look.keys, (got / max(float(got.max()), 1e-9)).tolist())
