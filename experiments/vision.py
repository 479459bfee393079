"""Images into classes: a Transformer over patches, any attention in it, beside models that take none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attnrun.analysis.confusion import confusion, confusion_figure
from attnrun.analysis.maps import AttentionMap, attention_maps
from attnrun.analysis.patch_plots import patch_overlays, rollout
from attnrun.analysis.plots import draw_losses
from attnrun.analysis.watch import WATCHED, Watch
from attnrun.attention import Mechanism
from attnrun.attention.gates import GatedHeads
from attnrun.data.augmentation import Augmentation
from attnrun.data.drawing import drawn
from attnrun.data.examples import Examples
from attnrun.data.image_folder import read_image, to_png
from attnrun.data.images import Form, ImageBatches, Images
from attnrun.errors import UserError
from attnrun.models.linear import best_linear, share_right
from attnrun.models.vision import ImageClassifier
from attnrun.ranges import PositiveInt, Probability
from attnrun.runs.run import Run
from attnrun.runs.trained import Measured, TrainedRun
from attnrun.training.batches import each
from attnrun.training.course import Course, fit_best, restore_best
from attnrun.training.development import Development
from attnrun.training.labels import Judged, judge, label_loss

PRIMARY = ("accuracy", "max")
TOKEN = "class"  # the label of the class token in a map
_SHOWN = 6  # images in the figure of attention
_KEPT = 40  # test images that a run keeps: so many first ones
_KEPT_WRONG = 24  # and so many of the others that it takes for another class


@dataclass(frozen=True, kw_only=True)
class Config(Mechanism, Course):
    """The keys of an experiment with images beside the common ones."""

    data: Callable[[int], Images]
    model: Callable[[int, int, Mechanism], ImageClassifier]
    augment: Augmentation = field(default_factory=Augmentation)
    batch_size: PositiveInt = 64
    label_smoothing: Probability = 0.0


@dataclass(frozen=True)
class Seer:
    """A trained model with the form of its images; what `load` returns. Inputs are paths of image files."""

    model: ImageClassifier
    form: Form
    device: torch.device
    batch_size: int = 128

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the class of the image in each file.

        Raises UserError for a file that is no image.
        """
        return [self.form.classes[number] for (number,) in self.judge(self.read(inputs)).answers]

    def weights(
        self, inputs: Sequence[str], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> list[AttentionMap]:
        """Return where each patch of an image looks, one map a file; `r2c3` is a patch's row and column.

        `layers` and `heads` choose some of each; None takes all. Raises UserError where the model has no
        attention, or not so many layers or heads, and for a file that is no image.
        """
        found = self.looks(self.read(inputs))
        labels = [self.labels()] * len(inputs)
        return attention_maps(inputs, labels, labels, found, layers, heads)

    def read(self, inputs: Sequence[str]) -> Examples:
        """Return the images in some files, brought to the form of the training's, without answers."""
        images = [read_image(path, self.form.shape) for path in inputs]
        pixels = np.stack(images) if images else np.zeros((0, *self.form.shape), np.uint8)
        return Examples(torch.from_numpy(pixels), torch.zeros(len(images), dtype=torch.int64))

    def judge(self, examples: Examples) -> Judged:
        """Return what the model answers, and its loss."""
        return judge(lambda images, _: self.model(images), self.batched(examples), self.device)

    @torch.no_grad()
    def looks(self, examples: Examples) -> list[np.ndarray | None]:
        """Return the weights (L, H, N, N) of each image; None where the model has no attention."""

        def read(batch: Any) -> Sequence[np.ndarray | None]:
            _, weights = self.model.look(batch.inputs, need_weights=True)
            return [None] * len(batch.inputs) if weights is None else list(weights.float().cpu().numpy())

        return each(self.batched(examples), self.device, read)

    def batched(self, examples: Examples) -> ImageBatches:
        """Return images in batches to evaluate in."""
        return ImageBatches(examples, self.batch_size, seed=0, form=self.form)

    def over_patches(self, weights: np.ndarray) -> np.ndarray:
        """From weights (N, N) what the answer is read from sees: of each patch, as the patches stand.

        That is the class token's row, its own column left out; without one the mean over all rows.
        """
        down, across = self.model.grid(*self.form.shape[1:])
        own = len(weights) - down * across  # 1 where there is a class token, which stands first
        row = weights[0, 1:] if own else weights.mean(0)
        return np.asarray(row).reshape(down, across)

    def labels(self) -> list[str]:
        """Return the names of what looks and is looked at: patches, the class token before them."""
        down, across = self.model.grid(*self.form.shape[1:])
        patches = [f"r{row}c{column}" for row in range(1, down + 1) for column in range(1, across + 1)]
        return ([TOKEN] if getattr(self.model, "token", None) is not None else []) + patches


def check(config: Config) -> None:
    """Raise UserError where the mechanism cannot serve the model, or a choice finds nothing to act on."""
    config.model(1, 2, config)


def train(config: Config, run: Run) -> dict[str, Any]:
    """Train on the images, keep the epoch that answers most of those to validate on, and test on others."""
    data = _data(config, run.seed)
    seer = _seer(config, data.form, run.device)
    seer.model.grid(*seer.form.shape[1:])  # refuses patches that do not fit before anything is trained
    seer.model.to(run.dtype)
    run.save_json("form", seer.form.to_json())
    batches = ImageBatches(data.train, config.batch_size, run.seed, seer.form, config.augment)
    kept = fit_best(
        run,
        config,
        seer.model,
        batches,
        loss=lambda batch: label_loss(seer.model(batch.inputs), batch.targets, config.label_smoothing),
        evaluate=lambda: seer.judge(data.valid).figures,
        fingerprint={"training_images": data.train.fingerprint()},
        unit="images",
        watch=Watch(run, seer.model, lambda: _watched(seer, data.valid), ordered=False),
    )
    judged = seer.judge(data.test)
    _show(seer, data, judged, run)
    return _figures(seer, judged) | {"accuracy_linear": _linear(seer.form, data)} | kept


def load(run: TrainedRun) -> Seer:
    """Return the classifier that the run trained, from its best checkpoint."""
    seer = _seer(run.config, Form.from_json(run.saved("form")), run.device)
    restore_best(seer.model, run.directory)
    return seer


def development(run: TrainedRun, seer: Seer) -> Development:
    """Return the images that the run validated on, measured as in training.

    Raises UserError where the data have other classes now, or images of another size.
    """
    data, model = _data(run.config, run.seed), seer.model
    _require_same(data.form, seer.form)
    valid = data.valid
    return Development(
        model,
        seer.device,
        lambda: seer.judge(valid).figures,
        seer.batched(valid),
        lambda batch: label_loss(model(batch.inputs), batch.targets),
        GatedHeads(model),
    )


def evaluate(run: TrainedRun, seer: Seer) -> Measured:
    """Return the classes that the test images are given, and the figures of that.

    Raises UserError where the data have other classes than in training, or images of another size.
    """
    data = _data(run.config, run.seed)
    _require_same(data.form, seer.form)
    judged = seer.judge(data.test)
    return _figures(seer, judged), _rows(seer, judged)


def _data(config: Config, seed: int) -> Images:
    return drawn(config.data, seed, Images, "images, such as data=digits")


def _require_same(now: Form, then: Form) -> None:
    """Raise UserError where a number would mean another class than in training, or an image not fit in."""
    changed = sorted(set(now.classes) ^ set(then.classes))
    if now.classes != then.classes:
        told = f": {', '.join(changed[:3])}" if changed else ""
        raise UserError(f"data: the classes are not those of the training{told}")
    if now.shape != then.shape:
        sizes = (" x ".join(map(str, form.shape)) for form in (now, then))
        raise UserError(
            f"data: images of {' and no longer '.join(sizes)}; a model takes what it was trained on"
        )


def _seer(config: Config, form: Form, device: torch.device) -> Seer:
    model = config.model(form.shape[0], len(form.classes), config).to(device)
    return Seer(model, form, device, config.eval_batch_size)


def _watched(seer: Seer, examples: Examples) -> dict[str, list[AttentionMap]]:
    """The maps of the first images; patches stand in rows and columns, so that none has one place."""
    images, targets = examples.inputs, examples.targets
    assert isinstance(images, Tensor) and isinstance(targets, Tensor)
    labels = seer.labels()
    found = seer.looks(Examples(images[:WATCHED], targets[:WATCHED]))
    maps = [AttentionMap(labels, labels, weights) for weights in found if weights is not None]
    return {"": maps} if maps else {}


def _counts(seer: Seer, judged: Judged) -> np.ndarray:
    """How many images of each class (row) are taken for each (column)."""
    right, answers = ([number for (number,) in found] for found in (judged.right, judged.answers))
    return confusion(right, answers, len(seer.form.classes))


def _figures(seer: Seer, judged: Judged) -> dict[str, Any]:
    counts = _counts(seer, judged)
    there = counts.sum(1) > 0
    worst = (counts.diagonal()[there] / counts.sum(1)[there]).min()
    return {**judged.figures, "accuracy_worst_class": float(worst), "test_images": len(judged.answers)}


def _rows(seer: Seer, judged: Judged) -> list[dict[str, Any]]:
    names = seer.form.classes
    return [
        {"image": place, "class": names[gold], "prediction": names[answer]}
        for place, ((gold,), (answer,)) in enumerate(zip(judged.right, judged.answers, strict=True))
    ]


def _show(seer: Seer, data: Images, judged: Judged, run: Run) -> None:
    rows = _rows(seer, judged)
    _keep(run, data.test, rows)
    run.samples("test", rows)
    draw_losses(run)
    run.figure("confusion", confusion_figure(_counts(seer, judged), data.classes, run.experiment))
    _draw_looks(seer, data.test, judged, run)


def _keep(run: Run, examples: Examples, rows: list[dict[str, Any]]) -> None:
    """Save some of the images, to be looked at, and name their files in their rows."""
    others = [row for row in rows[_KEPT:] if row["prediction"] != row["class"]][:_KEPT_WRONG]
    images = examples.inputs
    assert isinstance(images, Tensor)
    for row in [*rows[:_KEPT], *others]:
        place = row["image"]
        row["picture"] = run.samples(f"test-{place}", to_png(images[place].numpy())).name


def _linear(form: Form, data: Images) -> float:
    """The accuracy of multinomial logistic regression on the pixels, its penalty chosen on `valid`."""
    train, valid, test = (_flat(form, part) for part in (data.train, data.valid, data.test))
    return share_right(best_linear(train, valid, len(data.classes)), *test)


def _flat(form: Form, examples: Examples) -> tuple[Tensor, Tensor]:
    """Images as rows of standardised pixels (N, K · Y · X), with their classes (N,)."""
    images, targets = examples.inputs, examples.targets
    assert isinstance(images, Tensor) and isinstance(targets, Tensor)
    return form.standardised(images).flatten(1), targets


def _draw_looks(seer: Seer, examples: Examples, judged: Judged, run: Run) -> None:
    """The first image of each of some classes, and what the model sees of it."""
    images, targets = examples.inputs, examples.targets
    assert isinstance(images, Tensor) and isinstance(targets, Tensor)
    rows = sorted({int(gold): row for row, gold in reversed(list(enumerate(targets)))}.values())[:_SHOWN]
    looks = seer.looks(Examples(images[rows], targets[rows]))
    found = [weights for weights in looks if weights is not None]
    if not found:
        return
    names = [_name(seer.form.classes, int(targets[row]), judged.answers[row][0]) for row in rows]
    overlays = {
        "last layer": [seer.over_patches(weights[-1].mean(0)) for weights in found],
        "rollout": [seer.over_patches(rollout(weights)) for weights in found],
    }
    run.figure("attention", patch_overlays(list(images[rows].numpy()), overlays, names, run.experiment))


def _name(classes: Sequence[str], right: int, answer: int) -> str:
    return classes[right] if right == answer else f"{classes[right]}, not {classes[answer]}"
