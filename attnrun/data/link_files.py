"""Files of word alignments alone, one line a pair, as any aligner writes them (`alignments` has the form)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from attnrun.data.alignments import parse_links
from attnrun.data.reading import counted, read_lines
from attnrun.errors import UserError

_ENOUGH = 20  # links, none of which names a token 0, to take the first token's number for 1
_NAMED = 3  # links named of many

Link = tuple[int, int]  # source token, target token


class Size(NamedTuple):
    """How many tokens the sentences of a pair have."""

    source: int
    target: int

    def holds(self, link: Link) -> bool:
        """Tell whether the link is between tokens that there are."""
        return 0 <= link[0] < self.source and 0 <= link[1] < self.target


@dataclass(frozen=True)
class Line:
    """The links of one pair, counted from 0; `possible` holds the sure ones too."""

    place: str  # `file:number`
    sure: set[Link]
    possible: set[Link]


@dataclass(frozen=True)
class LinkFile:
    """What a file of links holds; `base` is the number that it gives a sentence's first token."""

    path: str
    base: int  # 0 or 1
    lines: list[Line]

    def of(self, pairs: int, what: str) -> "LinkFile":
        """Return the file without empty lines at its end that are too many for so many pairs of `what`.

        Raises UserError for any other number of lines.
        """
        extra = self.lines[pairs:]
        if len(self.lines) < pairs or any(line.possible for line in extra):
            raise UserError(f"{self.path} has {counted(len(self.lines), 'line')}, but {what} has {pairs}")
        return LinkFile(self.path, self.base, self.lines[:pairs])

    def within(self, sizes: Sequence[Size]) -> tuple["LinkFile", str]:
        """Leave out links beyond sentences of these sizes, and say which: how many, and the first."""
        outside, lines = list[str](), list[Line]()
        for line, size in zip(self.lines, sizes, strict=True):
            sure, possible = (set(filter(size.holds, side)) for side in (line.sure, line.possible))
            outside += [f"{line.place} {self._written(one)}" for one in sorted(line.possible - possible)]
            lines.append(Line(line.place, sure, possible))
        if not outside:
            return self, ""
        more = ", …" if len(outside) > _NAMED else ""
        told = f"{counted(len(outside), 'link')} beyond the sentences left out: {', '.join(outside[:_NAMED])}"
        return LinkFile(self.path, self.base, lines), f"{told}{more}{self._hint(sizes)}"

    def from_base(self, base: int) -> "LinkFile":
        """Return the file as if a sentence's first token had the number `base`."""
        by = self.base - base

        def moved(links: set[Link]) -> set[Link]:
            return {(source + by, target + by) for source, target in links}

        lines = [Line(line.place, moved(line.sure), moved(line.possible)) for line in self.lines]
        return LinkFile(self.path, base, lines)

    def _written(self, link: Link) -> str:
        return f"{link[0] + self.base}-{link[1] + self.base}"

    def _hint(self, sizes: Sequence[Size]) -> str:
        """What to do where all links would be inside, were they counted from 1."""
        lines = self.from_base(1).lines if self.base == 0 else []
        inside = (size.holds(one) for line, size in zip(lines, sizes, strict=False) for one in line.possible)
        return "; all are inside where the first token is number 1" if lines and all(inside) else ""


def read_link_file(path: str, base: int | None = None) -> LinkFile:
    """Read the links of a file. A `base` of None is 0 where any link names a token 0, else 1.

    Raises:
        UserError: the file cannot be read, a word is no link, or one names a token 0 and `base` is 1.
    """
    rows = [(place, list(parse_links(place, text))) for place, text in read_lines(path, blank_end=True)]
    zero = next((place for place, links in rows for link in links if 0 in link[:2]), None)
    if base == 1 and zero is not None:
        raise UserError(f"{zero}: a link names a token 0, so the first token is number 0, not 1")
    if base is None:
        base = 1 if zero is None and sum(len(links) for _, links in rows) >= _ENOUGH else 0
    lines = [
        Line(place, {(s, t) for s, t, sure in links if sure}, {(s, t) for s, t, _ in links})
        for place, links in rows
    ]
    return LinkFile(path, 0, lines).from_base(base)


def write_links(pairs: Sequence[Sequence[Link]]) -> str:
    """Return lines of links, counted from 0, in the order of the target."""
    in_order = (sorted(links, key=lambda link: link[::-1]) for links in pairs)
    return "".join(" ".join(f"{s}-{t}" for s, t in links) + "\n" for links in in_order)
