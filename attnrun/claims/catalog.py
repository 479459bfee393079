"""The claims there are: the YAML files of `configs/claim` and of a directory of the user's own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from attnrun.claims.trial import Trial
from attnrun.claims.verdict import Condition, read_condition
from attnrun.errors import UserError, suggest
from attnrun.launch.catalog import Entry, entries, read_node
from attnrun.launch.schema import bound, build
from attnrun.launch.targets import check_trust, resolve
from attnrun.ranges import PositiveInt


@dataclass(frozen=True)
class Axes:
    """How the curves of a claim are drawn."""

    x: str
    y: str
    log: Literal["", "x", "y", "xy"] = ""


@dataclass(frozen=True)
class Claim:
    """A statement and how to measure it: the keys of its YAML file.

    Attributes:
        statement, zh: in English and in Chinese.
        measure: the dotted name of a function of `seed` and of `keys` that returns a `Trial`.
        seeds: how many are measured, 0 and up.
        holds: name -> condition, an inequality between figures; the name says where or when.
        keys: of the function.
        fast: what is other in the fast form, `seeds` among it.
        published: figure -> what `source` prints for it.
        depends, depends_zh: what the answer depends on, where it does, in English and in Chinese.
        axes: of the curves, where there are any.
        timed: it measures time, so that its seeds are never measured side by side.
    """

    statement: str
    zh: str
    measure: str
    seeds: PositiveInt
    holds: dict[str, str]
    keys: dict[str, Any] = field(default_factory=dict)
    fast: dict[str, Any] = field(default_factory=dict)
    published: dict[str, float] = field(default_factory=dict)
    depends: str = ""
    depends_zh: str = ""
    axes: Axes | None = None
    timed: bool = False


@dataclass(frozen=True)
class ReadClaim:
    """A claim with its place in the catalog, its conditions read and its function found."""

    entry: Entry
    claim: Claim
    conditions: list[Condition]
    function: Callable[..., Trial]

    @property
    def name(self) -> str:
        """Of its YAML file."""
        return self.entry.name

    def seeds(self, fast: bool) -> int:
        """Return how many seeds the full or the fast form measures."""
        return int(self.claim.fast.get("seeds", self.claim.seeds)) if fast else self.claim.seeds

    def keys(self, fast: bool) -> dict[str, Any]:
        """Return the keys that the function gets in the full or the fast form."""
        other = {key: value for key, value in self.claim.fast.items() if key != "seeds"} if fast else {}
        return {**self.claim.keys, **other}


def read_claim(name: str, trust: tuple[str, ...] = (), config_dir: Path | None = None) -> ReadClaim:
    """Read a claim by its name.

    Raises:
        UserError: there is none of that name, or something in its file is wrong; the message names the file.
    """
    check_trust(trust)
    found = {entry.name: entry for entry in entries("claim", config_dir)}
    if name not in found:
        section = f"; of a section: attnrun reproduce {name}" if name[:1].isdecimal() else ""
        raise UserError(f"no claim named {name!r}{section or suggest(name, found)}")
    entry = found[name]
    place = f"claim {name}" if config_dir is None else str(entry.path)
    try:
        claim: Claim = build(Claim, read_node(entry.path))
        function = resolve(claim.measure, "measure", trust, closed=())
        read = ReadClaim(
            entry,
            claim,
            [read_condition(label, text, f"holds.{label}") for label, text in claim.holds.items()],
            function,
        )
        _require_count(claim.fast.get("seeds", 1))
        for fast in (False, True):
            bound(function, read.keys(fast), "keys", trust)
    except UserError as error:
        raise UserError(f"{place}: {error}") from None
    if not read.conditions:
        raise UserError(f"{place}: holds: a claim needs a condition, such as 'learned < average'")
    return read


def _require_count(seeds: Any) -> None:
    if not isinstance(seeds, int) or isinstance(seeds, bool) or seeds < 1:
        raise UserError(f"fast.seeds={seeds}: the value must be a whole number from 1 on")
