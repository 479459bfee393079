"""Gold word alignments in the Pharaoh form: `3-4` is a sure link, `3p4` or `3?4` a possible one."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from attnrun.data import words
from attnrun.data.corpus import Links, Pair
from attnrun.data.pairs import checked
from attnrun.data.reading import counted, read_lines
from attnrun.errors import UserError
from attnrun.escape import truncate

Base = Literal[0, 1]  # the number of a sentence's first token
Written = tuple[str, str]  # a place, as `file:number`, and the links of one pair as they stand there
Row = tuple[Pair, Written | None]
_LINK = re.compile(r"([0-9]{1,9})([-p?])([0-9]{1,9})")
_LINE_NUMBER = re.compile(r"\A([0-9]+)\t")  # some corpora number the lines of every file
# Between spaces in tokens alone; French sets other marks apart in plain text too.
_LONE_MARK = re.compile(r"(?<!\S)[.,。，、](?!\S)")


@dataclass(frozen=True)
class Gold:
    """How the gold alignments of a corpus are written, and the file that holds them if they have their own.

    Tokens are those of `words.tokenise`, or what stands between white space where `tokenised`.
    """

    file: str | None
    base: Base
    tokenised: bool

    def refuse_beside(self, key: str, given: object) -> None:
        """Raise a UserError where the file is named and the config key `key` is given too."""
        if self.file is not None and given is not None:
            raise UserError(f"corpus.alignments and corpus.{key} both name alignments; give one of them")

    def attach(self, rows: Sequence[Row], lines: int | None) -> list[Pair]:
        """Return the pairs with their links, 0-indexed.

        The file must have `lines` lines; None where the text goes on after these rows. Numbers that begin
        the lines of links and of sentences alike, with a tab after them, are cut off.

        Raises:
            UserError: a link is not of the form or lies outside its sentence, the base is not that of the
                file, the file has another number of lines than the text, its lines are numbered otherwise,
                or the links look as if they counted what stands between spaces and `tokenised` is false.
        """
        pairs = [pair for pair, _ in rows]
        if self.file is None:
            written = [beside for _, beside in rows if beside is not None]
        else:
            written = _read(self.file, len(rows) if lines is None else lines, whole=lines is not None)
        if not written:
            return pairs
        written = written[: len(pairs)]
        pairs = _unnumbered(pairs, written)
        parsed = [(place, list(parse_links(place, text))) for place, text in written]
        zero = any(0 in link[:2] for _, links in parsed for link in links)
        linked = [
            self._linked(pair, links, place, zero) for pair, (place, links) in zip(pairs, parsed, strict=True)
        ]
        if not self.tokenised:
            _refuse_other_tokens(linked, [place for place, _ in written])
        return linked

    def _linked(self, pair: Pair, links: list[tuple[int, int, bool]], place: str, zero: bool) -> Pair:
        sizes = self._count(pair.source), self._count(pair.target)
        for link in links:
            self._check(link, sizes, place, zero)
        base = self.base
        sure = {(source - base, target - base) for source, target, is_sure in links if is_sure}
        possible = {(source - base, target - base) for source, target, _ in links} - sure
        return replace(pair, links=_in_order(sure), possible=_in_order(possible))

    def _count(self, text: str) -> int:
        return len(text.split() if self.tokenised else words.tokenise(text))

    def _check(self, link: tuple[int, int, bool], sizes: tuple[int, int], place: str, zero: bool) -> None:
        for side, index, size in zip(("source", "target"), link, sizes, strict=False):
            if index - self.base in range(size):
                continue
            fault = f"{place}: a link names {side} token {index}, but the {side} has {counted(size, 'token')}"
            if index < self.base:
                fault += ", counted from 1; the links look 0-indexed: set corpus.alignment_base=0"
            elif self.base == 0:
                fault += ", counted from 0"
                if index == size and not zero:
                    fault += "; the links look 1-indexed: set corpus.alignment_base=1"
            raise UserError(fault)


def _read(path: str, count: int, *, whole: bool) -> list[Written]:
    """Return the links of `count` pairs, an empty line for none; more than that unless `whole`."""
    lines = list(read_lines(path, blank_end=True))
    while len(lines) > count and not lines[-1][1]:
        lines.pop()
    if len(lines) < count or (whole and len(lines) > count):
        least = "" if whole else "at least "
        raise UserError(
            f"{path} has {counted(len(lines), 'line')}, but the text has {least}{counted(count, 'pair')}"
        )
    return lines


def parse_links(place: str, text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield source token, target token, and whether the link is sure; numbers as written."""
    for word in _LINE_NUMBER.sub("", text).split():
        link = _LINK.fullmatch(word)
        if link is None:
            raise UserError(
                f"{place}: {truncate(word, 40)!r} is no link; write i-j, or ipj for a possible one"
            )
        yield int(link[1]), int(link[3]), link[2] == "-"


def _in_order(links: set[tuple[int, int]]) -> Links:
    return tuple(sorted(links))


def _unnumbered(pairs: Sequence[Pair], written: Sequence[Written]) -> list[Pair]:
    """Cut off the numbers of the lines where the sentences have those that their links have.

    Without them the first token of a sentence would be its number.
    """
    numbers = [_number(text) for _, text in written]
    sides = [
        _side_unnumbered(side, [getattr(pair, side) for pair in pairs], numbers, written)
        for side in ("source", "target")
    ]
    rows = zip(*sides, written, strict=True)
    return [checked(source, target, place, place) for source, target, (place, _) in rows]


def _side_unnumbered(
    side: str, texts: list[str], numbers: Sequence[str | None], written: Sequence[Written]
) -> list[str]:
    found = [_number(text) for text in texts]
    if not (any(found) and any(numbers)) and not all(found):
        return texts
    for number, own, (place, _) in zip(numbers, found, written, strict=True):
        if number != own:
            begins = [f"with {each} and a tab" if each else "without a number" for each in (number, own)]
            raise UserError(
                f"{place}: the line begins {begins[0]}, but its {side} {begins[1]}; number both, or none"
            )
    return [_LINE_NUMBER.sub("", text) for text in texts]


def _number(text: str) -> str | None:
    match = _LINE_NUMBER.match(text)
    return match[1] if match else None


def _refuse_other_tokens(pairs: Sequence[Pair], places: Sequence[str]) -> None:
    """Refuse links that count what stands between spaces, where `words.tokenise` makes more tokens of it.

    So they do if not one of them lies beyond that count, and most texts have a full stop or a comma between
    spaces, as plain text has not.
    """
    linked = [(pair, place) for pair, place in zip(pairs, places, strict=True) if pair.links or pair.possible]
    lone = sum(bool(_LONE_MARK.search(f"{pair.source}\n{pair.target}")) for pair, _ in linked)
    if 2 * lone <= len(linked):
        return
    first = None
    for pair, place in linked:
        for between_spaces, token in _readings(pair):
            if between_spaces is None:
                return
            first = first or (None if between_spaces.startswith(token) else place)
    if first is not None:
        raise UserError(
            f"{first}: the text looks tokenised, and the links look as if they counted what stands between "
            "spaces; set corpus.tokenised=true"
        )


def _readings(pair: Pair) -> Iterator[tuple[str | None, str]]:
    """Yield each linked token counted between spaces, None where there are not so many, and by words."""
    links = (*(pair.links or ()), *(pair.possible or ()))
    for side, text in enumerate((pair.source, pair.target)):
        spaced, tokens = text.split(), words.tokenise(text)
        for link in links:
            index = link[side]
            yield spaced[index] if index < len(spaced) else None, words.display(tokens[index])
