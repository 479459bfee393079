"""Statements about trained models: experiments with several choices, their metrics beside one another."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from attnrun.claims.trial import Points, Trial
from attnrun.errors import Interrupted, RunFailed, UserError, suggest
from attnrun.launch.config import compose, config_hash
from attnrun.launch.job import execute
from attnrun.runs.find import RunRecord
from attnrun.runs.layout import OUTPUTS

_FOLDER = "claims"  # in `outputs/EXPERIMENT`
_ALONE = {"": ""}
_MANY = 20  # test sentences, from which on their BLEU says something


def variants(
    seed: int,
    *,
    variants: dict[str, str],
    metrics: list[str] | None = None,
    words: str = "",
    over: dict[str, str] | None = None,
    less: dict[str, str] | None = None,
    by_length: bool = False,
) -> Trial:
    """Train each variant, an experiment with its words as after `attnrun train`; figures `METRIC_VARIANT`.

    A run of the same config in `outputs/EXPERIMENT/claims` is used again, an interrupted one goes on.

    Args:
        seed: of the runs.
        variants: name -> words.
        metrics: of the test set. None: what each experiment judges by; the figures are then `VARIANT`.
        words: for all of them.
        over: name -> further words; each variant is trained with each, the figures are `METRIC_VARIANT_NAME`.
            Where the names are numbers, there is a curve through them; else they are columns of a table.
        less: name -> "figure - figure", a figure more.
        by_length: also give each variant's BLEU over the words of the source as a curve, and that of the
            shortest and of the longest sources as figures `shortest_VARIANT` and `longest_VARIANT`.

    Raises:
        UserError: words that do not fit, a metric or a figure that is not there.
        RunFailed: a training failed.
    """
    places = {str(name): more for name, more in (over or _ALONE).items()}  # YAML reads 100 as a number
    runs = {
        (name, place): trained_run(seed, joined(text, more, words, f"variants.{name}"))
        for name, text in variants.items()
        for place, more in places.items()
    }
    figures = {
        "_".join(filter(None, (metric, *key))): _metric(directory, metric)
        for metric in metrics or [""]
        for key, directory in runs.items()
    }
    numbers = _numbers(places) if over else {}
    curves = _through(figures, list(variants), numbers, metrics or [""])
    if by_length:
        found = {key: _lengths(directory) for key, directory in runs.items()}
        curves |= {" ".join(filter(None, key)): points for key, points in found.items()}
        for place, end in (("shortest", 0), ("longest", -1)):
            figures |= {
                "_".join(filter(None, (place, *key))): points[end][1] for key, points in found.items()
            }
    columns = list(places) if over and not numbers else []
    return Trial(figures | _differences(figures, less or {}), curves, columns)


def read_words(text: str, key: str, least: int = 1) -> list[str]:
    """Part the text of `keys.KEY` into words as a shell does.

    Raises UserError where a quote stands open, or there are fewer words than `least`.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(f"keys.{key}: {text!r}: {str(error).lower()}") from None
    if len(words) < least:
        raise UserError(f"keys.{key}: give an experiment with its words, as after attnrun train")
    return words


def trained(seed: int, words: list[str]) -> Mapping[str, float]:
    """Return the metrics of an experiment and its words, which is trained where it is not yet.

    Raises UserError and RunFailed as `variants` does, Interrupted where a signal ends it.
    """
    return RunRecord(trained_run(seed, words)).metrics


def trained_run(seed: int, words: list[str]) -> Path:
    """Return where the run of an experiment and its words is, finished; raises as `trained` does."""
    experiment, *rest = words
    plain = compose(experiment, [*rest, f"seed={seed}"])
    directory = OUTPUTS / experiment / _FOLDER / config_hash(plain)
    report = execute(plain, directory, overrides=rest, quiet=True)
    if report.status == "interrupted":
        raise Interrupted(report.message, report.exit_code - 128)
    if report.status != "done":
        raise (RunFailed if report.status == "failed" else UserError)(report.message)
    return directory


def joined(variant: str, more: str, words: str, key: str) -> list[str]:
    """Return all words, the experiment first; it may stand in a variant, or in what all are trained with.

    Raises UserError where none is named, or several.
    """
    every = [
        *read_words(variant, key, least=0),
        *read_words(more, "over", least=0),
        *read_words(words, "words", least=0),
    ]
    named = [word for word in every if "=" not in word]
    if len(named) != 1:
        raise UserError(f"keys.{key}: give an experiment with its words, as after attnrun train")
    return [*named, *(word for word in every if word not in named)]


def _metric(directory: Path, name: str) -> float:
    record = RunRecord(directory)
    name = name or record.primary[0]
    value = record.metrics.get(name)
    if not isinstance(value, int | float):
        raise UserError(
            f"keys.metrics: no metric {name!r} of {record.experiment}{suggest(name, list(record.metrics))}"
        )
    return float(value)


def _differences(figures: Mapping[str, float], less: Mapping[str, str]) -> dict[str, float]:
    found = {}
    for name, text in less.items():
        sides = text.split(" - ")
        if len(sides) != 2 or not set(sides) <= set(figures):
            raise UserError(f"keys.less.{name}: {text!r} is no 'figure - figure' of {', '.join(figures)}")
        found[name] = figures[sides[0]] - figures[sides[1]]
    return found


def _numbers(over: Mapping[str, str]) -> dict[str, float]:
    """The names that are numbers, where all are."""
    try:
        return {name: float(name) for name in over}
    except ValueError:
        return {}


def _through(
    figures: Mapping[str, float], names: Sequence[str], numbers: Mapping[str, float], metrics: Sequence[str]
) -> dict[str, Points]:
    """A curve for each metric of each variant, over the numbers."""
    return {
        (f"{metric} {name}" if len(metrics) > 1 else name): [
            (x, figures["_".join(filter(None, (metric, name, place)))]) for place, x in numbers.items()
        ]
        for metric in metrics
        for name in names
        if numbers
    }


def _lengths(directory: Path) -> Points:
    from attnrun.analysis.sample_scores import by_length

    rows = [row for row in by_length([directory])["rows"] if row["sentences"] >= _MANY]
    if not rows:
        raise UserError(f"keys.by_length: {directory} has fewer than {_MANY} test sources of every length")
    return [(int(row["words"].partition(" ")[0]), row["bleu"][0]) for row in rows]  # the least of a bin
