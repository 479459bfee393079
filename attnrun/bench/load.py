"""What ran on this machine while something was timed: this process, its children, and others (Linux)."""

import os
from pathlib import Path

# Fields of the first line of /proc/stat (proc(5)): user, nice, system, idle, iowait, irq, softirq, steal.
_IDLE = (3, 4)
_FIELDS = 8
_TICK = 1 / os.sysconf("SC_CLK_TCK")


def seconds_of_others() -> float:
    """Return the CPU seconds since boot that were not this process's or its children's; 0 where unknown."""
    busy = _machine_seconds()
    return 0.0 if busy is None else busy - _own_seconds()


def _machine_seconds() -> float | None:
    try:
        words = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    return _TICK * sum(int(word) for place, word in enumerate(words[:_FIELDS]) if place not in _IDLE)


def _own_seconds() -> float:
    """CPU seconds of this process and all its children, those that still run too."""
    times = os.times()
    own = times.user + times.system + times.children_user + times.children_system
    return own + sum(map(_seconds_of, _children(os.getpid())))


def _children(process: int) -> list[int]:
    """The processes that `process` started, directly or not, and that still run."""
    found: list[int] = []
    for tasks in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            direct = [int(word) for word in tasks.read_text(encoding="ascii").split()]
        except OSError:  # that thread has ended
            continue
        for child in direct:
            found += [child, *_children(child)]
    return found


def _seconds_of(process: int) -> float:
    """CPU seconds of a process and of its children that have ended."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    words = text.rpartition(")")[2].split()  # the name before it may hold spaces
    return _TICK * sum(int(word) for word in words[11:15])  # utime, stime, cutime, cstime
