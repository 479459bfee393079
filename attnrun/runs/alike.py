"""The configs of many runs, which are alike: lines that several of them have are parsed once."""

import re
from pathlib import Path
from typing import Any

from attnrun.errors import UserError
from attnrun.runs import layout
from attnrun.runs.find import refuse_links
from attnrun.runs.plain_yaml import decoded, read_values, values_of

_KEY = re.compile(r"^(?=[A-Za-z_][\w-]*:(?: |$))", re.MULTILINE)  # at the margin
_REFERENCE = re.compile("[&*]")  # an anchor or an alias, perhaps: about another part of the file


class Configs:
    """Reads the config.yaml of one run after another.

    In YAML as runs write it, the value of a key at the margin ends where the next key begins: the lines
    between can be parsed alone. A file of which a part cannot is read as any other.
    """

    def __init__(self) -> None:
        self._parsed: dict[str, dict[str, Any]] = {}

    def read(self, directory: Path) -> dict[str, Any]:
        """Return what `RunRecord.config` does; runs share the values, which are for reading alone.

        Raises UserError as it does.
        """
        refuse_links(directory)
        path = directory / layout.CONFIG
        parts = [part for part in _KEY.split(decoded(path)) if part] or [""]
        try:
            return {key: value for part in parts for key, value in self._part(part, path).items()}
        except UserError:
            return read_values(path)

    def _part(self, part: str, path: Path) -> dict[str, Any]:
        if part not in self._parsed:
            if _REFERENCE.search(part):
                raise UserError(f"{path} refers to another part of itself, perhaps")
            self._parsed[part] = values_of(part, path)
        return self._parsed[part]
