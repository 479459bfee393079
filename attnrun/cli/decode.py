"""How `attnrun translate` decodes: engine, translations of each text, and processes."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnrun.cli.ends import say
from attnrun.errors import UserError, suggest

ENGINES = ("attnrun", "ctranslate2")
MOST_WORKERS = 256


@dataclass(frozen=True)
class How:
    """`n_best` translations of each text, None for the bare one; `workers` 1 is this process."""

    n_best: int | None = None
    engine: str = "attnrun"
    workers: int = 1

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise UserError(f"no engine {self.engine!r}{suggest(self.engine, ENGINES)}")
        if self.workers > 1 and self.engine != "attnrun":
            raise UserError(f"engine {self.engine} has threads of its own; leave out --workers")


def open_translator(
    directories: list[Path], trust: tuple[str, ...], search: dict[str, Any] | None, how: How
) -> Any:
    """Return the model of a run, or of several, that translates so; raises UserError where none can."""
    from attnrun.launch.trained import open_ensemble
    from attnrun.runs.device import cores, prepare_process
    from attnrun.runs.find import RunRecord

    if how.workers > (there := cores()):
        say(f"--workers {how.workers} on {there} core{'s' * (there > 1)}: more than one a core gains nothing")
    if how.workers > 1:
        prepare_process(1)  # for the workers are forked, and threads are not
    model = open_ensemble(directories, trust, search, "cpu" if how.workers > 1 else "auto")
    directory = directories[0]
    if not hasattr(model, "unknown"):
        experiment = RunRecord(directory).experiment
        raise UserError(f"{directory} is a run of {experiment}, which does not translate")
    if how.engine == "ctranslate2":
        model = _on_ctranslate2(model, directories)
    if how.n_best is not None and not hasattr(model, "candidates"):
        raise UserError(f"{directory} gives one translation of each text; leave out --n-best")
    return model


def _on_ctranslate2(model: Any, directories: list[Path]) -> Any:
    from attnrun.export.engine import on_ctranslate2

    if len(directories) > 1:
        raise UserError("engine ctranslate2 runs one model; give one --run")
    return on_ctranslate2(model, directories[0] / "export" / "ctranslate2")


def translations(model: Any, sources: Sequence[str], how: How) -> Iterator[Any]:
    """Yield the translation of each text in their order, or its `how.n_best` candidates, as they are ready.

    What is translated together does not depend on `how.workers`, so that neither does any translation.
    """
    from attnrun.runs.workers import spread

    def work(places: list[int]) -> list[Any]:
        texts = [sources[place] for place in places]
        found: list[Any] = model.predict(texts) if how.n_best is None else model.candidates(texts, how.n_best)
        return found

    batches = model.batches(sources) if hasattr(model, "batches") else [[*range(len(sources))]]
    ready: dict[int, Any] = {}
    following = 0
    with closing(spread(work, batches, how.workers)) as done, _bar(batches) as advance:
        for number, found in done:
            ready |= zip(batches[number], found, strict=True)
            advance(len(found))
            while following in ready:
                yield ready.pop(following)
                following += 1


@contextmanager
def _bar(batches: Sequence[Sequence[int]]) -> Iterator[Callable[[int], Any]]:
    """Show a bar on a terminal that shows nothing else meanwhile; give the function that moves it."""
    if len(batches) < 2 or sys.stdout.isatty() or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("translating"), BarColumn(bar_width=24), MofNCompleteColumn()]
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=sum(map(len, batches)))
        yield lambda count: bar.advance(task, count)
