"""Work that is handed out, part by part, to forked processes of one thread each."""

import multiprocessing
import signal
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from attnrun.errors import RunFailed, UserError, first_line
from attnrun.runs.device import prepare_process
from attnrun.runs.signals import SIGNALS

Part = TypeVar("Part")
Done = TypeVar("Done")


def spread(
    work: Callable[[Part], Done], parts: Sequence[Part], workers: int
) -> Generator[tuple[int, Done], None, None]:
    """Yield (place, work(parts[place])) as they are done; the parts are begun in their order.

    Each worker has what this process has, as it is now. One worker, or one part, is this process itself.
    Closing the generator ends the workers; they end by themselves when this process is gone.

    Raises:
        UserError: `work` raised it.
        RunFailed: it failed in another way in a worker, or a worker died.
    """
    if min(workers, len(parts)) <= 1:
        yield from ((place, work(part)) for place, part in enumerate(parts))
        return
    crew: list[_Worker] = []
    try:
        for _ in range(min(workers, len(parts))):
            crew.append(_Worker(work, parts, [other.pipe for other in crew]))
        yield from _handed_out(crew, len(parts))
    finally:
        for worker in crew:
            worker.end()


@contextmanager
def forking() -> Iterator[None]:
    """Fork here. Python 3.12 warns of threads beside it; ours are torch's own, which no child waits for."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*multi-threaded.*fork", DeprecationWarning)
        yield


def how_it_ended(process: BaseProcess) -> str:
    """Return how a process ended that is going or gone, such as `SIGKILL` or `exit code 1`."""
    process.join()  # its pipes close an instant before the exit code is there
    code = process.exitcode or 0
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


class _Worker:
    """A forked process that does the parts whose places it is given, one at a time."""

    def __init__(self, work: Callable[[Any], Any], parts: Sequence[Any], others: list[Any]) -> None:
        fork = multiprocessing.get_context("fork")  # a spawned one would import and load everything anew
        self.pipe, far = fork.Pipe()
        inherited = [self.pipe, *others]
        self.process = fork.Process(target=_serve, args=(work, parts, far, inherited), daemon=True)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until the child handles them its own way
        try:
            with forking():
                self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            far.close()

    def give(self, place: int) -> None:
        """Have it do the part at `place`; raises RunFailed where it has died."""
        try:
            self.pipe.send(place)
        except OSError:
            raise self._died() from None

    def take(self) -> tuple[int, Any]:
        """Return the place and what was done; raises what the work raised, and RunFailed as `give`."""
        try:
            place, found, error = self.pipe.recv()
        except (OSError, EOFError):
            raise self._died() from None
        if error is not None:
            raise error
        return place, found

    def end(self) -> None:
        self.process.kill()  # it holds nothing that others wait for
        self.process.join()
        self.pipe.close()

    def _died(self) -> RunFailed:
        how = how_it_ended(self.process)
        return RunFailed(f"a worker died ({how}), for want of memory perhaps; try fewer --workers")


def _handed_out(crew: Sequence[_Worker], count: int) -> Iterator[tuple[int, Any]]:
    for place, worker in enumerate(crew):
        worker.give(place)
    by_pipe: dict[Any, _Worker] = {worker.pipe: worker for worker in crew}
    for following in range(len(crew), count + len(crew)):
        worker = by_pipe[connection.wait(list(by_pipe))[0]]
        found = worker.take()
        if following < count:
            worker.give(following)
        yield found


def _serve(work: Callable[[Any], Any], parts: Sequence[Any], pipe: Any, inherited: list[Any]) -> None:
    """Do the parts whose places come, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the parent ends the workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    prepare_process(1)
    for end in inherited:  # while one is open here, a worker would not see the parent go
        end.close()
    try:
        while True:
            place = pipe.recv()
            pipe.send((place, *_outcome(work, parts[place])))
    except (OSError, EOFError):
        return


def _outcome(work: Callable[[Any], Any], part: Any) -> tuple[Any, Exception | None]:
    """What was done, or the error; as one of ours, which travel."""
    try:
        return work(part), None
    except UserError as error:
        return None, UserError(str(error))
    except Exception as error:
        return None, RunFailed(f"a worker failed: {type(error).__name__}: {first_line(error)}")
