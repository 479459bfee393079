"""Running text in three parts, one after the other as it stands: for models of its characters."""

from dataclasses import dataclass
from typing import Literal

from attnrun.data.phrases import HeldOut, load
from attnrun.data.phrases.sampling import HELD_OUT
from attnrun.data.reading import read_lines
from attnrun.errors import UserError
from attnrun.ranges import Fraction, PositiveInt

MOST_CHARACTERS = 50_000_000


@dataclass(frozen=True)
class PlainText:
    """A text to learn from, one to choose by and one to test on; each line ends with a line feed."""

    train: str
    valid: str
    test: str


def phrases(
    seed: int,
    *,
    language: Literal["en", "fr"] = "en",
    limit: PositiveInt | None = None,
    held_out: HeldOut = HELD_OUT,
) -> PlainText:
    """Return one side of the embedded corpus `phrases`, a sentence a line; `seed` changes nothing.

    `limit` keeps the first sentences to learn from, `held_out` those of each of the other parts.
    """
    del seed
    corpus = load(limit=limit, held_out=held_out)
    side = "source" if language == corpus.source_language else "target"
    splits = (corpus.train, corpus.valid, corpus.test)
    return PlainText(*("".join(f"{getattr(pair, side)}\n" for pair in pairs) for pairs in splits))


def text(
    seed: int, *, path: str, valid: Fraction = 0.05, test: Fraction = 0.05, limit: PositiveInt | None = None
) -> PlainText:
    """Read a UTF-8 text file; its end is to test on, and what stands before that to choose by.

    `valid` and `test` are shares of its characters. `limit` reads the first so many alone. The file may
    be gzipped. `seed` changes nothing: the parts are where they are in the file.

    Raises:
        UserError: the file is missing, empty, no UTF-8 text (with file and line) or larger than is read, or
            one of the parts would be empty.
    """
    del seed
    most = MOST_CHARACTERS if limit is None else limit
    whole = _read(path, most)
    if len(whole) > most and limit is None:
        raise UserError(
            f"{path} has more than {most:,} characters; read the first of them by data.limit={most}"
        )
    whole = whole[:most]
    ends = [len(whole) - round(share * len(whole)) for share in (valid + test, test)]
    parts = whole[: max(ends[0], 0)], whole[max(ends[0], 0) : ends[1]], whole[ends[1] :]
    if not all(parts):
        sizes = ", ".join(f"{len(part)}" for part in parts)
        raise UserError(
            f"{path}: data.valid={valid} and data.test={test} part {len(whole)} characters into {sizes} "
            "to learn from, choose by and test on; none may be 0"
        )
    return PlainText(*parts)


def _read(path: str, most: int) -> str:
    """The text up to the line that goes beyond `most` characters."""
    lines, total = [], 0
    for _, line in read_lines(path):
        lines.append(f"{line}\n")
        total += len(lines[-1])
        if total > most:
            break
    return "".join(lines)
