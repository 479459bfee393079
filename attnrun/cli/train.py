"""`attnrun train` and `attnrun resume`: start or continue runs and show what they gave."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnrun.cli.complete import complete_experiment, complete_override
from attnrun.cli.ends import echo_json, say
from attnrun.cli.options import AsJson, ConfigDir, RunName, Trust
from attnrun.errors import UserError, suggest
from attnrun.runs.layout import OUTPUTS

if TYPE_CHECKING:
    from attnrun.launch.job import Report
    from attnrun.runs.find import RunRecord

_INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")

ExperimentName = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", help="See `attnrun list`.", autocompletion=complete_experiment)
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE", help="Hydra overrides, e.g. seed=1.", autocompletion=complete_override
    ),
]


def train(
    experiment: ExperimentName,
    overrides: Overrides = None,
    multirun: Annotated[
        bool, typer.Option("-m", "--multirun", help="Run once for each value: seed=1,2,3.")
    ] = False,
    cfg: Annotated[
        str | None, typer.Option("--cfg", help="Print the config and stop: job, hydra or all.")
    ] = None,
    resolve: Annotated[bool, typer.Option("--resolve", help="With --cfg: fill in interpolations.")] = False,
    info: Annotated[
        bool, typer.Option("--info", help=f"Print how the config is made: {', '.join(_INFO)}.")
    ] = False,
    config_dir: ConfigDir = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Train an experiment and print what it gave.

    Everything of Hydra works: overrides (seed=1, attention=dot), -m seed=1,2,3 as `attnrun sweep`, --cfg job.
    """
    words = list(overrides or [])
    if config_dir is None:
        check_experiment(experiment)
    if any(word.startswith("experiment=") for word in words):
        raise UserError(f"the experiment is {experiment!r} already; leave out experiment=…")
    flags = _config_flags(cfg, resolve)
    if info:
        words, topic = _info(words)
        flags.append(f"--info={topic}")
    if multirun and not flags:
        from attnrun.cli.sweep import run_sweep

        run_sweep(experiment, words, as_json, trust=tuple(trust or ()), config_dir=config_dir)
        return
    from attnrun.launch.bridge import launch

    flags = ["--multirun"] * multirun + flags
    finish(launch(experiment, words, flags, trust=tuple(trust or ()), config_dir=config_dir), as_json)


def _config_flags(cfg: str | None, resolve: bool) -> list[str]:
    """Return Hydra's flags that print a config."""
    if resolve and cfg is None:
        raise UserError("--resolve fills in what --cfg prints; give --cfg=job with it")
    if cfg not in (None, "job", "hydra", "all"):
        raise UserError(f"--cfg takes job, hydra or all, not {cfg!r}")
    return ([] if cfg is None else [f"--cfg={cfg}"]) + ["--resolve"] * resolve


def _info(words: list[str]) -> tuple[list[str], str]:
    """Return the overrides among the words, and the topic of --info."""
    logging.raiseExceptions = False  # what Hydra prints it logs; `head` may read its first lines alone
    topics = [word for word in words if word in _INFO]
    overrides = [word for word in words if word not in _INFO]
    unknown = [word for word in overrides if "=" not in word and not word.startswith("~")]
    if unknown:
        raise UserError(f"--info takes {', '.join(_INFO)}, not {unknown[0]!r}{suggest(unknown[0], _INFO)}")
    return overrides, topics[0] if topics else "all"


def resume(
    run: RunName,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="A later end, e.g. trainer.epochs=20, or a runtime.… key."),
    ] = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Continue an interrupted run, or a finished one further.

    It goes on from the newest checkpoint that is whole. A finished run is left as it is, unless its end is
    moved; it is then what a longer run would have been, or refused.
    """
    from attnrun.runs.find import RunRecord, find

    record = RunRecord(find(OUTPUTS, run))
    if record.status == "done" and not overrides:
        say(f"{record.directory} is finished; nothing to do")
        _show([record], [[]], as_json)
        return
    from attnrun.launch.job import execute
    from attnrun.launch.resume import changed

    trusted = tuple(trust or ())
    plain, former_hash = changed(record, overrides or [], trusted)
    finish([execute(plain, record.directory, trusted, former_hash=former_hash)], as_json)


def check_experiment(name: str) -> None:
    """Raise UserError where no experiment has this name."""
    from attnrun.launch import catalog

    known = catalog.names("experiment")
    if name not in known:
        raise UserError(f"no experiment named {name!r}{suggest(name, known)}")


def finish(reports: "list[Report]", as_json: bool) -> None:
    """Show the runs that the reports name, then what they say; exit with the worst one's code."""
    show_reports(reports, as_json)
    if worst := max((report.exit_code for report in reports), default=0):
        raise typer.Exit(worst)


def show_reports(reports: "list[Report]", as_json: bool) -> None:
    """Show the runs that the reports name, then what they say."""
    from attnrun.runs.find import RunRecord

    labels = own_words([report.overrides for report in reports])
    shown = [
        (RunRecord(Path(report.directory)), words)
        for report, words in zip(reports, labels, strict=True)
        if report.directory and (as_json or not report.exit_code)
    ]
    if shown:
        _show([record for record, _ in shown], [words for _, words in shown], as_json)
    for message in _messages(reports, labels):
        say(message)


def own_words(jobs: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return of each job's words those that not all jobs have: what a sweep sweeps over."""
    shared = set.intersection(*map(set, jobs)) if jobs else set()
    return [[word for word in words if word not in shared] for words in jobs]


def _messages(reports: "list[Report]", labels: list[list[str]]) -> list[str]:
    """What is to be said of the jobs: of each failure its own, of those that were finished how many."""
    if len(reports) < 2:
        return [report.message for report in reports if report.message]
    told = {}
    for report, label in zip(reports, labels, strict=True):
        if report.message and report.exit_code:
            message = report.message
            told[message] = f"{' '.join(label)}: {message}" if report.status == "failed" else message
    before = sum(report.status == "done" and bool(report.message) for report in reports)
    skipped = sum(report.status == "skipped" for report in reports)
    notes = [f"{before} of {len(reports)} jobs were finished already"] * bool(before)
    were = "job was" if skipped == 1 else "jobs were"
    notes += [f"{skipped} {were} not begun after the first failure"] * bool(skipped)
    return [*notes, *told.values()]


def _show(records: "list[RunRecord]", own_words: list[list[str]], as_json: bool) -> None:
    if as_json:
        documents = [
            {"run": str(record.directory), **({"overrides": words} if words else {}), **(record.result or {})}
            for record, words in zip(records, own_words, strict=True)
        ]
        echo_json(documents[0] if len(documents) == 1 else documents)
        return
    from attnrun.cli.tables import show_runs

    show_runs(records, own_words)
