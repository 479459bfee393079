"""One of the processes that train a model together, as torchrun starts it.

    torchrun … -m attnrun.launch.rank RUN_DIR [CONFIG] [--trust MODULE]…

CONFIG is a file with a resolved config, as `attnrun train EXPERIMENT … --cfg job --resolve` prints it.
Without one the run there is continued. The first process writes the run, and says how it went.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from attnrun.errors import Interrupted, RunFailed, UserError
from attnrun.escape import for_message
from attnrun.launch import lifeline
from attnrun.launch.config import Plan, check
from attnrun.launch.job import Report, open_run, refused, train
from attnrun.runs.find import RunRecord
from attnrun.runs.plain_yaml import read_values
from attnrun.runs.signals import SIGNALS, StopAtOnce

ORDER, FAILED = "order.json", "failed.json"  # of a job: what it orders, and which ranks failed
_LAST_WORDS = 5.0  # seconds in which the first process may say why it ends, where others end for the same


@dataclass(frozen=True)
class Order:
    """What to train and where; `place` is a folder for the reports of all processes, None without a job."""

    directory: Path
    config: dict[str, Any]
    trust: tuple[str, ...] = ()
    former_hash: str = ""
    quiet: bool = False
    place: Path | None = None


def report_file(place: Path, rank: int) -> Path:
    """Return where a process reports to its job."""
    return place / f"rank-{rank}.json"


def main(words: Sequence[str] | None = None) -> int:
    """Train with the other processes; return the exit code."""
    given = _parsed(words)
    if given.job:
        lifeline.hold()
    number = int(os.environ["RANK"])
    try:
        with StopAtOnce():
            report = _first(_order(given)) if number == 0 else _other(_order(given))
    except UserError as error:
        report = Report("refused", error.exit_code, None, str(error))
    except RunFailed as error:  # they did not meet
        report = Report("failed", error.exit_code, None, str(error))
    except Interrupted as stop:
        report = Report("interrupted", stop.exit_code, None, str(stop))
    for caught in SIGNALS:  # all is done but to say so
        signal.signal(caught, signal.SIG_IGN)
    _tell(report, number, given.job)
    return report.exit_code


def _parsed(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("attnrun.launch.rank", description="One process of several that train.")
    parser.add_argument("directory", type=Path, metavar="RUN_DIR")
    parser.add_argument("config", type=Path, nargs="?", metavar="CONFIG")
    parser.add_argument("--trust", action="append", default=[], metavar="MODULE")
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def _order(given: argparse.Namespace) -> Order:
    if given.job:
        order = json.loads((given.job / ORDER).read_text(encoding="utf-8"))
        trust = tuple(order.pop("trust"))
        return Order(given.directory, **order, trust=trust, place=given.job)
    if given.config is None:
        return Order(given.directory, RunRecord(given.directory).config, tuple(given.trust))
    return Order(given.directory, read_values(given.config), tuple(given.trust))


def _joined(order: Order) -> Plan:
    """Meet the others; return the plan with the settings of this process."""
    from attnrun.runs import ranks
    from attnrun.runs.device import of_rank, resolve_device

    plan = check(order.config, order.trust)
    plan = replace(plan, runtime=replace(plan.runtime, processes=int(os.environ["WORLD_SIZE"])))
    if order.place is None:  # else the job has looked
        plan.require_fit()
    runtime = of_rank(plan.runtime, *ranks.of_this_machine())
    ranks.join(resolve_device(runtime.device))
    return replace(plan, runtime=runtime)


def _first(order: Order) -> Report:
    from attnrun.runs.failures import one_line
    from attnrun.runs.run import Run

    try:
        plan = _joined(order)
        run = open_run(Run, plan, order.directory, order.former_hash, order.quiet)
    except UserError as error:
        return refused(error, order.directory)
    except OSError as error:
        reason = one_line(error, {})
        return refused(UserError(f"cannot open the run {order.directory}: {reason}"), order.directory)
    with run:
        return train(plan, run)


def _other(order: Order) -> Report:
    """Train without a trace; the report is of interest only where this process alone failed."""
    from attnrun.runs.failures import one_line
    from attnrun.runs.ranks import Lost, Released
    from attnrun.runs.silent import SilentRun

    try:
        plan = _joined(order)
        plan.module.train(plan.config, open_run(SilentRun, plan, order.directory))
    except Released:
        pass
    except Lost as error:
        return Report("lost", 1, None, str(error))
    except UserError:
        raise
    except Exception as error:
        return Report("failed", 1, None, one_line(error, order.config))
    return Report("done", 0, None)


def _tell(report: Report, rank: int, place: Path | None) -> None:
    if place is None:
        if rank == 0:
            said = report.message or f"{report.directory} is {report.status}"
            sys.stderr.write(f"attnrun: {for_message(said)}\n")
        return
    part = place / f"rank-{rank}.part"
    part.write_text(json.dumps(asdict(report)), encoding="utf-8")
    os.replace(part, report_file(place, rank))
    if rank and report.status in ("failed", "refused"):  # then torchrun ends the first one, too
        until = time.monotonic() + _LAST_WORDS
        while not report_file(place, 0).exists() and time.monotonic() < until:
            time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
