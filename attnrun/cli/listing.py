"""`attnrun list`: what there is to run, with one line and the source of each."""

from typing import Annotated

import typer

from attnrun.cli.ends import echo_json
from attnrun.cli.options import AsJson, ConfigDir
from attnrun.errors import UserError, suggest
from attnrun.launch import catalog

_SHOWN = ("experiment", "attention", "normaliser", "position", "corpus", "data", "model")


def list_catalog(
    group: Annotated[str | None, typer.Argument(metavar="GROUP", help="Only this config group.")] = None,
    config_dir: ConfigDir = None,
    as_json: AsJson = False,
) -> None:
    """List what there is to run, each with its source.

    Without GROUP: experiments, attention mechanisms and their parts, corpora, data sets and models.
    """
    own = [config_dir] if config_dir else []
    known = catalog.groups(own)
    if group is not None and group not in known:
        raise UserError(f"no config group named {group!r}{suggest(group, known)}")
    found = {name: catalog.entries(name, own) for name in ([group] if group else _SHOWN)}
    if as_json:
        fields = ("name", "what", "source", "run", "takes", "gives")
        document = {
            name: [{f: getattr(e, f) for f in fields} for e in entries] for name, entries in found.items()
        }
        echo_json(document)
        return
    from attnrun.cli.tables import show_catalog

    show_catalog(found)
    if group is None:
        others = ", ".join(name for name in known if name not in _SHOWN)
        typer.echo(
            f"\nMore groups: {others} (attnrun list GROUP). Run one: attnrun train EXPERIMENT [KEY=VALUE]..."
        )
