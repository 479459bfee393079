"""What a person sees of a sweep while it runs: a table on a terminal, elsewhere a line as each job ends."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from attnrun.cli.ends import say
from attnrun.cli.tables import figures_table, literal, number, print_figures, shown_path
from attnrun.cli.train import own_words
from attnrun.launch.standing import ENDED, Standing, counts

if TYPE_CHECKING:
    from attnrun.launch.bridge import Call

_SECONDS = 0.5  # between two looks
_MOST = 200  # rows that one looks at
_SIGNS = {"done": "green", "failed": "red", "refused": "red", "running": "cyan", "interrupted": "yellow"}


@contextmanager
def watching(call: "Call") -> Iterator[None]:
    """Show on stderr how the jobs of a call stand, until it has ended."""
    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        view = View(call, console)
        with Live(get_renderable=view.render, console=console, refresh_per_second=2, transient=True):
            yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_tell, args=(call, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def show_jobs(directory: Path, jobs: Sequence[Standing]) -> None:
    """Print a row for each job of a sweep, of very many for some, and how many are in each state."""
    print_figures(_table_of_first(jobs, _MOST))
    console = Console(highlight=False)
    if len(jobs) > _MOST:
        say(f"the table has {_MOST} of {len(jobs)} jobs; --json has all")
    console.print(literal(f"{_counted(jobs)}: {shown_path(directory)}"), soft_wrap=True)
    for job in jobs:
        if job.state in ("failed", "refused"):
            console.print(literal(f"{job.state}: {job.message}"), soft_wrap=True)


class View:
    """The table of a sweep that is under way."""

    def __init__(self, call: "Call", console: Console) -> None:
        self.call, self.console = call, console
        self.jobs: dict[str, Standing] = {}

    def render(self) -> Group:
        """The jobs that run, then as many of the others as there is room for."""
        self.jobs = self.call.standing(self.jobs)
        jobs = list(self.jobs.values())
        table = _table_of_first(jobs, max(1, self.console.height - 6))
        return Group(table, Text(_counted(jobs)))


def _table_of_first(jobs: Sequence[Standing], most: int) -> Table:
    """A row for each of the jobs that run or went wrong, then of as many others as there is room for."""
    labels = own_words([job.words for job in jobs])
    places = sorted(range(len(jobs)), key=lambda place: (_rank(jobs[place]), place))
    places = sorted(places[:most])
    return _table([jobs[place] for place in places], [labels[place] for place in places])


def _rank(job: Standing) -> int:
    order = ("running", "failed", "refused", "interrupted", "done", "waiting", "skipped")
    return order.index(job.state)


def _table(jobs: Sequence[Standing], labels: Sequence[Sequence[str]]) -> Table:
    table = figures_table("job", "state", "trained", "so far", "seconds")
    for job, label in zip(jobs, labels, strict=True):
        share = "" if job.share is None else f"{job.share:.0%}"
        metric = "" if job.metric is None else f"{job.metric[0]} {number(job.metric[1])}"
        seconds = "" if job.seconds is None else f"{job.seconds:.1f}"
        state = Text(job.state, style=_SIGNS.get(job.state, ""))
        table.add_row(literal(" ".join(label) or "-"), state, share, literal(metric), seconds)
    return table


def _counted(jobs: Sequence[Standing]) -> str:
    return ", ".join(f"{number} {state}" for state, number in counts(jobs).items())


def _tell(call: "Call", over: threading.Event) -> None:
    """Say each job's end once, and those of the last moment too."""
    jobs: dict[str, Standing] = {}
    told: set[str] = set()
    last = False
    while not last:
        last = over.wait(_SECONDS)
        jobs = call.standing(jobs)
        labels = own_words([job.words for job in jobs.values()])
        for (name, job), label in zip(jobs.items(), labels, strict=True):
            if job.state in ENDED and name not in told:
                told.add(name)
                gave = f", {job.metric[0]} {number(job.metric[1])}" if job.metric else ""
                say(f"{len(told)} of {len(jobs)}: {' '.join(label) or 'job'} {job.state}{gave}")
