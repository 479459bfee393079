"""`attnrun list`: what there is to run, with one line and the source of each; and what runs where."""

from pathlib import Path
from typing import Annotated

import typer

from attnrun.cli.ends import echo_json
from attnrun.cli.options import AsJson, ConfigDir, Trust
from attnrun.errors import UserError, suggest
from attnrun.launch import catalog

_SHOWN = ("experiment", "attention", "normaliser", "position", "mask", "heads", "corpus", "data", "model")


def list_catalog(
    group: Annotated[str | None, typer.Argument(metavar="GROUP", help="Only this config group.")] = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Say which choice runs on which task, and why the others cannot.")
    ] = False,
    config_dir: ConfigDir = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """List what there is to run, each with its source.

    Without GROUP: experiments, attention mechanisms and their parts, corpora, data sets and models. With
    --matrix: the attention mechanisms, or the choices of GROUP, against the tasks.
    """
    known = catalog.groups(config_dir)
    if group is not None and group not in known:
        raise UserError(f"no config group named {group!r}{suggest(group, known)}")
    if matrix:
        _list_matrix(group or "attention", tuple(trust or ()), config_dir, as_json)
        return
    if trust:
        raise UserError("--trust lets code run, which a list without --matrix does not do; leave it out")
    found = {name: catalog.entries(name, config_dir) for name in ([group] if group else _SHOWN)}
    if as_json:
        fields = ("name", "what", "source", "run", "takes", "gives")
        document = {
            name: [{f: getattr(e, f) for f in fields} for e in entries] for name, entries in found.items()
        }
        echo_json(document)
        return
    from attnrun.cli.columns import show_catalog

    show_catalog(found)
    if group is None:
        others = ", ".join(name for name in known if name not in _SHOWN)
        typer.echo(f"\nMore groups: {others} (attnrun list GROUP).")
        typer.echo("Run one: attnrun train EXPERIMENT [KEY=VALUE]...")
        typer.echo("Which mechanism runs on which task: attnrun list --matrix")


def _list_matrix(group: str, trust: tuple[str, ...], config_dir: Path | None, as_json: bool) -> None:
    from attnrun.launch.matrix import AXES, reasons, tasks

    if group not in AXES:
        raise UserError(f"--matrix is for the parts of a mechanism: {', '.join(AXES)}; not for {group!r}")
    found = reasons(group, trust, config_dir)
    if as_json:
        cells = {name: {task: _cell(why) for task, why in row.items()} for name, row in found.items()}
        echo_json({"tasks": [task.name for task in tasks(config_dir)], "mechanisms": cells})
        return
    from attnrun.cli.tables import show_matrix

    show_matrix(group, tasks(config_dir), found)


def _cell(reason: str | None) -> dict[str, bool | str]:
    return {"runs": True} if reason is None else {"runs": False, "reason": reason}
