"""Every mechanism on every task, and every pair of its parts: two steps of training, or a reason.

The rows are the YAML files, the columns the experiments that call themselves a task: neither is listed here.
"""

import json
import math
import random
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from allpairspy import AllPairs
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from attnrun.errors import Interrupted, UserError
from attnrun.launch import catalog
from attnrun.launch.bridge import launch
from attnrun.launch.config import check, compose
from attnrun.launch.job import Report, execute
from attnrun.launch.matrix import AXES, Variations, reasons, tasks

TASKS = {task.name: task for task in tasks()}
MECHANISMS = catalog.names("attention")
CHOICES = {group: catalog.names(group) for group in AXES}
PARTS = ("normaliser", "position", "mask", "heads")
PLAIN = {"normaliser": "softmax", "position": "none", "mask": "full", "heads": "single"}
SAMPLED = 2500  # of the full product
SMALL = {"embedding": 16, "hidden": 16, "size": 16, "feedforward": 16, "layers": 1}

Choices = Mapping[str, str]


@dataclass
class Watch:
    """Sees the optimiser step, and ends the training after the second time."""

    steps: int = 0
    before: list[torch.Tensor] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def at_first(self, optimiser: torch.optim.Optimizer, *_: Any) -> None:
        if self.steps == 0:
            self.before = [weight.detach().clone() for weight in _weights(optimiser)]

    def afterwards(self, optimiser: torch.optim.Optimizer, *_: Any) -> None:
        self.steps += 1
        gradients = [weight.grad for weight in _weights(optimiser) if weight.grad is not None]
        if not gradients or not all(bool(gradient.isfinite().all()) for gradient in gradients):
            self.wrong.append(f"gradient of step {self.steps}")
        if self.steps == 1:  # the next may take a lone number just back to where it was
            self.wrong += [f"{tuple(old.shape)} did not change" for old in self._unmoved(optimiser)]
        else:
            raise Interrupted("two steps are enough", signal.SIGINT)

    def _unmoved(self, optimiser: torch.optim.Optimizer) -> Iterator[torch.Tensor]:
        """Weights as they were, though their gradient is more than rounding."""
        for weight, old in zip(_weights(optimiser), self.before, strict=True):
            if weight.grad is not None and weight.grad.abs().max() > 1e-6 and torch.equal(weight, old):
                yield old


def _weights(optimiser: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [weight for group in optimiser.param_groups for weight in group["params"]]


@contextmanager
def _watched() -> Iterator[Watch]:
    watch = Watch()
    hooks = [
        register_optimizer_step_pre_hook(watch.at_first),
        register_optimizer_step_post_hook(watch.afterwards),
    ]
    try:
        yield watch
    finally:
        for hook in hooks:
            hook.remove()


def _execute(plain: dict[str, Any], place: Path, words: Sequence[str]) -> tuple[Report, Watch]:
    """Two steps of this config."""
    with _watched() as watch:
        return execute(plain | {"trainer": plain["trainer"] | {"log_every": 1}}, place, (), words), watch


def _assert_trained(report: Report, watch: Watch, place: Path) -> None:
    """It made two good steps; or, where nothing is to be learned, all that the task does."""
    if watch.steps == 0:
        assert report.status == "done", report.message
        assert report.primary is not None and math.isfinite(report.primary)
        return
    assert (report.status, watch.steps, watch.wrong) == ("interrupted", 2, []), report.message
    rows = [json.loads(row) for row in (place / "metrics.jsonl").read_text().splitlines()]
    losses = [row["train/loss"] for row in rows if "train/loss" in row]
    assert losses and all(map(math.isfinite, losses))


def _small(plain: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The config with a model of one small layer."""
    model = plain.get("model", {})
    sizes = {key: size for key, size in SMALL.items() if key in model}
    return plain | ({"model": model | sizes} if model else {}) | {k: v for k, v in more.items() if k in plain}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides for a corpus of 40 short pairs."""
    path = tmp_path_factory.mktemp("corpus") / "few.tsv"
    path.write_text("".join(f"a{n % 5} b{n // 5} c{n % 7}\td{n % 5} e{n // 5}\n" for n in range(40)))
    return ["corpus=tsv", f"corpus.path={path}", "corpus.valid=4", "corpus.test=4"]


@pytest.fixture(scope="module")
def variations(few: list[str]) -> dict[str, Variations]:
    """For each task, on little data, what the choice of another mechanism makes of it."""
    found = {}
    for task in TASKS.values():
        words = task.smoke.split()
        if "corpus" in compose(task.name, words):
            words = [*(word for word in words if not word.startswith("corpus.")), *few]
        found[task.name] = Variations(task.name, ["attention"], words)
    return found


@pytest.fixture(scope="module")
def matrix() -> dict[str, dict[str, str | None]]:
    return reasons("attention")


# Each task with some mechanism and each mechanism with some task; the others are slow together.
CELLS = [
    pytest.param(name, task, marks=() if row % len(TASKS) == column else pytest.mark.slow)
    for row, name in enumerate(MECHANISMS)
    for column, task in enumerate(TASKS)
]


@pytest.mark.parametrize(("name", "task"), CELLS)
def test_a_mechanism_trains_on_a_task_or_is_refused_with_the_reason_shown(
    name: str,
    task: str,
    matrix: dict[str, dict[str, str | None]],
    variations: dict[str, Variations],
    tmp_path: Path,
) -> None:
    reason = matrix[name][task]
    choice = {"attention": name}
    words = variations[task].words(choice)
    if reason is None:  # in one step an epoch, so that it is evaluated between the two
        plain = _small(variations[task].config(choice), batch_size=256)
        _assert_trained(*_execute(plain, tmp_path / "run", words), tmp_path / "run")
    else:
        _assert_refused(task, words, tmp_path, reason)


def _assert_refused(task: str, words: Sequence[str], place: Path, reason: str) -> None:
    """As the command line starts it."""
    (report,) = launch(task, [*words, f"hydra.run.dir={place / 'run'}"])
    assert (report.exit_code, report.message, report.directory) == (2, reason, None)
    assert not list(place.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_choice_put_in_place_is_the_choice_composed(task: str) -> None:
    exchanged = Variations(task, ["attention"])
    for name in MECHANISMS:
        choice = {"attention": name}
        assert exchanged.config(choice) == compose(task, exchanged.words(choice)), name


def test_choices_of_all_axes_put_in_place_are_those_composed(axes: Variations) -> None:
    for seed in range(12):
        choices = _drawn(random.Random(seed))
        assert axes.config(choices) == compose("translation", axes.words(choices)), choices


@pytest.fixture(scope="module")
def axes(few: list[str]) -> Variations:
    return Variations("translation", AXES, [*few, "batch_size=8"])


@pytest.mark.slow
def test_every_pair_of_parts_trains_or_is_refused_by_name(axes: Variations, tmp_path: Path) -> None:
    """Of what runs with a model in a plain mechanism, every pair; models that take the same count as one."""
    models: dict[str, list[str]] = {}
    for model in CHOICES["model"]:
        if fits := _fitting(axes, model):  # others are for experiments of another kind
            models.setdefault(json.dumps(fits), []).append(model)
    assert models
    for number, (fitting, names) in enumerate(models.items()):
        parts = json.loads(fitting) | {"model": names}
        for place, row in enumerate(_pairs(list(parts.values()))):
            choices = dict(zip(parts, row, strict=True))
            _assert_trains_or_is_refused(axes, choices, tmp_path / f"{number}-{place}")


def _fitting(axes: Variations, model: str) -> dict[str, list[str]]:
    """What runs with the model, each in a plain mechanism; nothing where no attention does."""
    plain = {**PLAIN, "model": model}
    attention = [name for name in MECHANISMS if _runs(axes, {**plain, "attention": name})]
    if not attention:
        return {}
    plain["attention"] = attention[0]
    parts = {part: [name for name in CHOICES[part] if _runs(axes, {**plain, part: name})] for part in PARTS}
    return {"attention": attention, **parts}


def _pairs(choices: list[list[str]]) -> Iterator[list[str]]:
    several = [names for names in choices if len(names) > 1]
    rows = AllPairs(several) if len(several) > 1 else [[name] for name in (several or [[]])[0]] or [[]]
    for row in rows:
        left = iter(row)
        yield [next(left) if len(names) > 1 else names[0] for names in choices]


@pytest.mark.product
def test_some_of_the_full_product_train_or_are_refused_by_name(axes: Variations, tmp_path: Path) -> None:
    """As many as a few minutes permit, drawn by a fixed seed."""
    generator, trained = random.Random(0), 0
    for _ in range(SAMPLED):
        trained += _assert_trains_or_is_refused(axes, _drawn(generator), tmp_path / "run")
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
    assert trained > SAMPLED // 20


@pytest.mark.product
@pytest.mark.parametrize("model", CHOICES["model"])
@pytest.mark.parametrize("attention", MECHANISMS)
def test_the_full_product_trains_or_is_refused_by_name(
    attention: str, model: str, axes: Variations, tmp_path: Path
) -> None:
    trained, chosen = 0, {"attention": attention, "model": model}
    for others in product(*(CHOICES[part] for part in PARTS)):
        choices = chosen | dict(zip(PARTS, others, strict=True))
        trained += _assert_trains_or_is_refused(axes, choices, tmp_path / "run")
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
    assert trained or not _runs(axes, chosen | PLAIN)


def _drawn(generator: random.Random) -> dict[str, str]:
    return {group: generator.choice(names) for group, names in CHOICES.items()}


def _assert_trains_or_is_refused(axes: Variations, choices: Choices, place: Path) -> bool:
    report, watch = _execute(_small(axes.config(choices)), place, axes.words(choices))
    if report.status == "refused":
        _assert_names_one(choices, report.message)
        assert (report.exit_code, watch.steps, place.exists()) == (2, 0, False)
        return False
    _assert_trained(report, watch, place)
    return True


def _runs(axes: Variations, choices: Choices) -> bool:
    """Say whether the choices go together."""
    try:
        check(_small(axes.config(choices)), (), axes.words(choices)).require_fit()
    except UserError as error:
        _assert_names_one(choices, str(error))
        return False
    return True


def _assert_names_one(choices: Choices, reason: str) -> None:
    words = {word for choice in choices.items() for word in choice}
    assert any(word in reason for word in words) and "\n" not in reason, f"{choices}: {reason}"
