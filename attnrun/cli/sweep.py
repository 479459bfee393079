"""`attnrun sweep` and `attnrun status`: many jobs, and how they stand."""

from pathlib import Path
from typing import Annotated

import typer

from attnrun.cli.complete import complete_sweep
from attnrun.cli.ends import echo_json, say
from attnrun.cli.options import AsJson, ConfigDir, Trust
from attnrun.cli.train import ExperimentName, Overrides, check_experiment, finish, show_reports
from attnrun.errors import UserError
from attnrun.runs.layout import OUTPUTS


def sweep(
    experiment: ExperimentName,
    overrides: Overrides = None,
    name: Annotated[str | None, typer.Option("--name", help="A name for the sweep's directory.")] = None,
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", min=1, help="How many jobs run at once, at most.")
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Begin no job after one has failed.")
    ] = False,
    config_dir: ConfigDir = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Train an experiment once for each combination of values.

    attention=dot,additive seed=1,2,3 makes six. The same sweep again, interrupted or with more values, runs
    what is missing. Where the jobs run is for hydra/launcher to say: basic, joblib, submitit_local,
    submitit_slurm, ray.
    """
    if config_dir is None:
        check_experiment(experiment)
    run_sweep(
        experiment,
        list(overrides or []),
        as_json,
        trust=tuple(trust or ()),
        config_dir=config_dir,
        name=name,
        limit=jobs,
        fail_fast=fail_fast,
    )


def run_sweep(
    experiment: str,
    words: list[str],
    as_json: bool,
    *,
    trust: tuple[str, ...],
    config_dir: Path | None,
    name: str | None = None,
    limit: int | None = None,
    fail_fast: bool = False,
) -> None:
    """Run a sweep, show how its jobs stand meanwhile and what they gave in the end."""
    from attnrun.cli.watch import watching
    from attnrun.launch.bridge import prepare_sweep

    call = prepare_sweep(
        experiment, words, name=name, limit=limit, fail_fast=fail_fast, trust=trust, config_dir=config_dir
    )
    try:
        with watching(call):
            reports = call.run()
    except UserError:
        show_reports(call.reports(), as_json)  # of jobs that ended before a launcher gave up
        raise
    finally:
        call.sweep.remove_if_empty()
    if not reports:
        raise UserError("there is no job in this sweep; one of its values is an empty list or range")
    finish(reports, as_json)
    if not as_json and len(reports) > 1:
        say(f"compare them: attnrun compare {call.sweep.directory}")


def status(
    sweep: Annotated[
        str,
        typer.Argument(
            metavar="SWEEP", help="A path, a name, its beginning, or latest.", autocompletion=complete_sweep
        ),
    ] = "latest",
    as_json: AsJson = False,
) -> None:
    """Show how the jobs of a sweep stand, wherever they run."""
    from attnrun.cli.watch import show_jobs
    from attnrun.launch.standing import standing
    from attnrun.launch.sweep import find_record

    found = find_record(OUTPUTS, sweep)
    jobs = list(standing(found).values())
    if as_json:
        echo_json({"sweep": str(found.directory), "jobs": [job.plain() for job in jobs]})
        return
    show_jobs(found.directory, jobs)
