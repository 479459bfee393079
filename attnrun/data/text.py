"""A user's own text corpus: a file of columns, or a pair of files line by line."""

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal

from attnrun.data.alignments import Base, Gold, Row
from attnrun.data.corpus import Corpus, Pair
from attnrun.data.pairs import TestPairs, checked, corpus_of, divided
from attnrun.data.reading import counted, existing_file, is_zip, read_lines
from attnrun.data.splits import Split
from attnrun.data.table import find_columns
from attnrun.errors import UserError
from attnrun.ranges import NonNegativeInt, PositiveInt

Separator = Literal["tab", "|||"]
_VALID_NAMES = ("valid", "val", "dev")


def tsv(
    *,
    path: str,
    source: str | int = 1,
    target: str | int = 2,
    separator: Separator = "tab",
    limit: PositiveInt | None = None,
    valid: NonNegativeInt | None = None,
    test: TestPairs = None,
    tokenised: bool = False,
    alignments: str | None = None,
    alignment_column: str | int | None = None,
    alignment_base: Base = 0,
) -> Corpus:
    """Read a file with one pair a line in columns; plain, gzip, or a zip with one text file.

    Args:
        path: the file.
        source: number of the source column, counted from 1, or its name: a name means a first line of names.
        target: the same for the target.
        separator: what parts the columns: a tab, or `|||` with the spaces around it, as fast_align has it.
        limit: read the first so many pairs only.
        valid: pairs to hold out for validation, see `splits.split`.
        test: pairs to hold out for testing; `all` to evaluate a trained model on the whole file.
        tokenised: the texts are tokens with spaces between them.
        alignments: file of gold word alignments, a line a pair, see `alignments`.
        alignment_column: number or name of the column that holds them instead.
        alignment_base: number of a sentence's first token in the alignments.

    Quotes, markup and every other character are ordinary text; further columns are ignored.

    Raises:
        UserError: a file, line or column is not as described; the message names file and line.
    """
    gold = Gold(alignments, alignment_base, tokenised)
    gold.refuse_beside("alignment_column", alignment_column)
    wanted = {"source": source, "target": target}
    names = [side if isinstance(side, str) else key for key, side in wanted.items()]
    if alignment_column is not None:
        wanted["alignment_column"] = alignment_column
    rows = list(islice(_tsv_rows(path, separator, wanted), limit))
    pairs = gold.attach(rows, None if len(rows) == limit else len(rows))
    return corpus_of(path, names, divided(path, pairs, valid, test), tokenised)


def files(
    *,
    path: str,
    source: str,
    target: str,
    limit: PositiveInt | None = None,
    valid: NonNegativeInt | None = None,
    test: TestPairs = None,
    test_set: str | None = None,
    tokenised: bool = False,
    alignments: str | None = None,
    alignment_base: Base = 0,
) -> Corpus:
    """Read a pair of files, one sentence a line: PATH.SOURCE and PATH.TARGET, or the same with `.gz`.

    Args:
        path: what the two names have in common; or a zip with one file of each name's end; or a directory
            with splits of its own, in files named train, valid (val, dev) and test, where the splits that
            are missing are held out from train.
        source: how the name of the source file ends, as `en`.
        target: the same for the target.
        limit: read the first so many training pairs only.
        valid: pairs to hold out for validation; of a valid file, the first so many are read.
        test: pairs to hold out for testing, `all` to evaluate a trained model on all of them; of a test file,
            the first so many are read.
        test_set: name of the test files in the directory where they are not called test.
        tokenised: the texts are tokens with spaces between them.
        alignments: file of gold word alignments, a line a pair, see `alignments`; with a directory, those of
            its test files.
        alignment_base: number of a sentence's first token in the alignments.

    A number and a tab that begin every line are cut off where the alignments' lines have the same. Without
    alignments they are text like any other.

    Raises:
        UserError: a file or line is not as described, or the files differ in length.
    """
    if source == target:
        raise UserError(f"corpus.source and corpus.target are both {source!r}")
    languages = [source, target]
    gold = Gold(alignments, alignment_base, tokenised)
    place = Path(os.path.expanduser(path))
    if path and os.path.isdir(place):
        parts = _given_splits(place, languages, (limit, valid, test), test_set, gold)
        return corpus_of(path, languages, parts, tokenised)
    if test_set is not None:
        raise UserError(f"corpus.test_set names files in a directory, and corpus.path={path} is none")
    return corpus_of(
        path, languages, divided(path, _file_pairs(place, languages, limit, gold), valid, test), tokenised
    )


def _tsv_rows(path: str, separator: Separator, wanted: dict[str, str | int]) -> Iterator[Row]:
    lines = ((place, _fields(line, separator)) for place, line in read_lines(path))
    header: list[str] | None = None
    place = str(path)
    if any(isinstance(name, str) for name in wanted.values()):
        place, header = next(lines)
    columns = find_columns({f"corpus.{key}": name for key, name in wanted.items()}, header, place)
    for place, fields in lines:
        if len(fields) <= max(columns):
            raise UserError(f"{place}: {_too_few(fields, columns, separator)}")
        source, target, *links = (fields[column] for column in columns)
        yield checked(source, target, place, place), (place, links[0]) if links else None


def _fields(line: str, separator: Separator) -> list[str]:
    return line.split("\t") if separator == "tab" else [text.strip(" ") for text in line.split(separator)]


def _too_few(fields: list[str], columns: list[int], separator: Separator) -> str:
    if len(fields) == 1:
        other = "; corpus=jsonl reads JSON lines" if fields[0].startswith("{") else ""
        return f"no {separator} between source and target{other}"
    return f"{len(fields)} columns, and column {max(columns) + 1} is asked for"


def _given_splits(
    directory: Path,
    languages: list[str],
    sizes: tuple[int | None, int | None, TestPairs],
    test_set: str | None,
    gold: Gold,
) -> Split:
    """Read the splits a directory has, and hold out the others from its train."""
    limit, valid, wanted = sizes
    plain = replace(gold, file=None)
    valid_name = next((name for name in _VALID_NAMES if _found(directory / name, languages[0])), None)
    test_name = _test_name(directory, languages[0], test_set)
    if gold.file is not None and test_name is None:
        raise UserError(f"corpus.alignments belongs to the test files, and {directory} has none")
    train = _file_pairs(directory / "train", languages, limit, plain)
    if wanted == "all" and test_name is None:
        return Split([], [], train)
    test = None if wanted == "all" else wanted
    given = {
        name: _file_pairs(directory / stem, languages, size, links) if size != 0 else []
        for name, stem, size, links in (("valid", valid_name, valid, plain), ("test", test_name, test, gold))
        if stem is not None
    }
    left = [0 if name in given else size for name, size in (("valid", valid), ("test", test))]
    drawn = divided(str(directory), train, *left)
    return Split(drawn.train, given.get("valid", drawn.valid), given.get("test", drawn.test))


def _test_name(directory: Path, language: str, test_set: str | None) -> str | None:
    """Return how the test files of a directory are called, None where there are none."""
    if test_set is not None or _found(directory / "test", language):
        return test_set or "test"
    found = (entry.name.removesuffix(".gz") for entry in directory.glob("test*"))
    names = sorted({name.removesuffix(f".{language}") for name in found if name.endswith(f".{language}")})
    if len(names) > 1:
        raise UserError(f"{directory} has several test sets; name one by corpus.test_set: {', '.join(names)}")
    return names[0] if names else None


def _found(prefix: Path, language: str) -> Path | None:
    for end in ("", ".gz"):
        file = f"{prefix}.{language}{end}"
        if os.path.isfile(file):
            return Path(file)
    return None


def _file_pairs(prefix: Path, languages: list[str], limit: int | None, gold: Gold) -> list[Pair]:
    """Read both files whole, that a difference in length is seen, and pair the first `limit` lines."""
    source, target = (list(_side(prefix, language)) for language in languages)
    if len(source) != len(target):
        names = [side[0][0].rpartition(":")[0] for side in (source, target)]
        lines = counted(len(source), "line")
        raise UserError(f"{names[0]} has {lines}, but {names[1]} has {len(target)}")
    both = islice(zip(source, target, strict=True), limit)
    rows: list[Row] = [
        (checked(line, other, place, other_place), None) for (place, line), (other_place, other) in both
    ]
    return gold.attach(rows, len(source))


def _side(prefix: Path, language: str) -> Iterator[tuple[str, str]]:
    """Read the lines of one language: of its file, or of its one file in a zip."""
    if is_zip(prefix):
        return read_lines(prefix, (f".{language}",))
    return read_lines(_found(prefix, language) or existing_file(f"{prefix}.{language}"), (f".{language}",))
