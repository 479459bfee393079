"""Runs by the name of their sweep: a directory of which the direct children are runs."""

import os
from contextlib import suppress
from pathlib import Path

from attnrun.errors import UserError
from attnrun.runs import layout
from attnrun.runs.find import ambiguous, find, is_run


def find_runs(root: Path, name: str) -> list[Path]:
    """Return the directories of the runs that `name` means, those of a sweep by their names.

    Args:
        root: where runs land, usually ./outputs.
        name: a sweep, which is a path, the name of a directory root/EXPERIMENT/NAME or the beginning of one;
            or a run, as `find` takes it. `latest` is the run begun last, and where that is one of a sweep,
            the whole sweep.

    Raises:
        UserError: there is none, or there are several.
    """
    root = Path(root)
    if name == "latest":
        run = find(root, name)
        return [run] if run.parent.parent == root else _inside(run.parent)
    if not name or is_run(Path(os.path.expanduser(name))):
        return [find(root, name)]
    sweep = find_sweep(root, name)
    return (_inside(sweep) if sweep else []) or [find(root, name)]


def find_sweep(root: Path, name: str) -> Path | None:
    """Return the directory of the sweep that `name` means, as for `find_runs`; None where there is none.

    A sweep of which no run has begun counts too. Raises UserError where there are several.
    """
    if name and _is_sweep(place := Path(os.path.expanduser(name))):
        return place
    sweeps = {place.relative_to(root): place for place in sorted(root.glob("*/*/")) if _is_sweep(place)}
    exact = [sweep for path, sweep in sweeps.items() if name in (path.name, str(path))]
    found = exact or [
        sweep for path, sweep in sweeps.items() if any(one.startswith(name) for one in (path.name, str(path)))
    ]
    if len(found) > 1:
        raise UserError(ambiguous(name, "sweeps", found))
    return found[0] if found else None


def newest_sweep(root: Path) -> Path | None:
    """Return the sweep that was called for last."""
    called = sorted(root.glob(f"*/*/{layout.SWEEP}"), key=lambda path: path.stat().st_mtime)
    return called[-1].parent if called else None


def _is_sweep(directory: Path) -> bool:
    with suppress(OSError, ValueError):  # a name that is too long for a file, for one
        called = (directory / layout.SWEEP).is_file()
        return called or (not is_run(directory) and any(map(is_run, directory.glob("*/"))))
    return False


def _inside(directory: Path) -> list[Path]:
    """Return the runs in a directory, of which one or another may vanish meanwhile."""
    runs = list[Path]()
    with suppress(OSError, ValueError):  # a name that is too long for a file, for one
        runs = [child for child in directory.glob("*/") if is_run(child)]
    return sorted(runs, key=lambda run: (len(run.name), run.name))  # 2 before 10
