"""Statements about trained models: experiments with several choices, their metrics beside one another."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from attnrun.claims.trial import Trial
from attnrun.errors import Interrupted, RunFailed, UserError, suggest
from attnrun.launch.config import compose, config_hash
from attnrun.launch.job import execute
from attnrun.runs.find import RunRecord
from attnrun.runs.layout import OUTPUTS

_FOLDER = "claims"  # in `outputs/EXPERIMENT`


def variants(
    seed: int,
    *,
    variants: dict[str, str],
    metrics: list[str],
    words: str = "",
    less: dict[str, str] | None = None,
) -> Trial:
    """Train each variant, an experiment with its words as after `attnrun train`; figures `METRIC_VARIANT`.

    `words` go to all of them. `less` makes further figures of two: name -> "figure - figure". A run of the
    same config in `outputs/EXPERIMENT/claims` is used again, and one that was interrupted goes on.

    Raises:
        UserError: words that do not fit, a metric or a figure that is not there.
        RunFailed: a training failed.
    """
    figures: dict[str, float] = {}
    for name, text in variants.items():
        found = trained(seed, [*read_words(text, f"variants.{name}"), *read_words(words, "words", least=0)])
        for metric in metrics:
            if not isinstance(found.get(metric), (int, float)):
                raise UserError(
                    f"keys.metrics: no metric {metric!r} of {text!r}{suggest(metric, list(found))}"
                )
            figures[f"{metric}_{name}"] = float(found[metric])
    for name, text in (less or {}).items():
        sides = text.split(" - ")
        if len(sides) != 2 or not set(sides) <= set(figures):
            raise UserError(f"keys.less.{name}: {text!r} is no 'figure - figure' of {', '.join(figures)}")
        figures[name] = figures[sides[0]] - figures[sides[1]]
    return Trial(figures)


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
