"""A user's own text corpus: a file of tab-separated columns, or a pair of files line by line."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from attnrun.data.corpus import Corpus, Pair
from attnrun.data.reading import existing_file, read_lines
from attnrun.data.splits import Split, split
from attnrun.errors import UserError, suggest
from attnrun.ranges import NonNegativeInt, PositiveInt

_VALID_NAMES = ("valid", "val", "dev")


def tsv(
    *,
    path: str,
    source: str | int = 1,
    target: str | int = 2,
    limit: PositiveInt | None = None,
    valid: NonNegativeInt | None = None,
    test: NonNegativeInt | None = None,
) -> Corpus:
    """Read a file with one pair a line in tab-separated columns; plain, gzip, or a zip with one text file.

    Args:
        path: the file.
        source: number of the source column, counted from 1, or its name: a name means a first line of names.
        target: the same for the target.
        limit: read the first so many pairs only.
        valid: pairs to hold out for validation, see `splits.split`.
        test: pairs to hold out for testing.

    Quotes, markup and every other character are ordinary text; further columns are ignored.

    Raises:
        UserError: a file, line or column is not as described; the message names file and line.
    """
    pairs = list(islice(_tsv_pairs(path, source, target), limit))
    names = [str(side) if isinstance(side, str) else default for side, default in _sides(source, target)]
    return _corpus(path, names, _split(path, pairs, valid, test))


def files(
    *,
    path: str,
    source: str,
    target: str,
    limit: PositiveInt | None = None,
    valid: NonNegativeInt | None = None,
    test: NonNegativeInt | None = None,
    test_set: str | None = None,
) -> Corpus:
    """Read a pair of files, one sentence a line: PATH.SOURCE and PATH.TARGET, or the same with `.gz`.

    Args:
        path: what the two names have in common; or a directory with splits of its own, in files named
            train, valid (val, dev) and test, where the splits that are missing are held out from train.
        source: how the name of the source file ends, as `en`.
        target: the same for the target.
        limit: read the first so many training pairs only.
        valid: pairs to hold out for validation; of a valid file, the first so many are read.
        test: pairs to hold out for testing; of a test file, the first so many are read.
        test_set: name of the test files in the directory where they are not called test.

    Raises:
        UserError: a file or line is not as described, or the files differ in length.
    """
    if source == target:
        raise UserError(f"corpus.source and corpus.target are both {source!r}")
    directory = Path(os.path.expanduser(path))
    languages = [source, target]
    if path and directory.is_dir():
        return _corpus(path, languages, _given_splits(directory, languages, limit, valid, test, test_set))
    if test_set is not None:
        raise UserError(f"corpus.test_set names files in a directory, and corpus.path={path} is none")
    return _corpus(path, languages, _split(path, _file_pairs(directory, languages, limit), valid, test))


def _corpus(path: str, languages: list[str], parts: Split) -> Corpus:
    name = Path(path).name.split(".")[0] or path
    return Corpus(name, languages[0], languages[1], parts.train, parts.valid, parts.test)


def _split(path: str, pairs: list[Pair], valid: int | None, test: int | None) -> Split:
    try:
        return split(pairs, valid=valid, test=test)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _sides(source: str | int, target: str | int) -> tuple[tuple[str | int, str], tuple[str | int, str]]:
    return (source, "source"), (target, "target")


def _tsv_pairs(path: str, source: str | int, target: str | int) -> Iterator[Pair]:
    lines = read_lines(path)
    header: list[str] | None = None
    place = str(path)
    if isinstance(source, str) or isinstance(target, str):
        place, line = next(lines)
        header = line.split("\t")
    columns = [_column(side, key, header, place) for side, key in _sides(source, target)]
    if columns[0] == columns[1]:
        raise UserError(f"corpus.source={source} and corpus.target={target} are the same column")
    for place, line in lines:
        yield _pair(line.split("\t"), columns, place)


def _column(wanted: str | int, key: str, header: list[str] | None, place: str) -> int:
    """Return the place of a column, counted from 0."""
    if isinstance(wanted, str):
        assert header is not None
        if header.count(wanted) != 1:
            fault = "two columns" if wanted in header else "no column"
            hint = "" if wanted in header else suggest(wanted, [name[:40] for name in header])
            raise UserError(f"{place}: {fault} {wanted!r} for corpus.{key}{hint}")
        return header.index(wanted)
    if wanted < 1:
        raise UserError(f"corpus.{key}={wanted}: columns are numbered from 1")
    return wanted - 1


def _pair(fields: list[str], columns: list[int], place: str) -> Pair:
    if len(fields) <= max(columns):
        if len(fields) == 1:
            raise UserError(f"{place}: no tab between source and target")
        raise UserError(f"{place}: {len(fields)} columns, and column {max(columns) + 1} is asked for")
    return _checked(fields[columns[0]], fields[columns[1]], place, place)


def _checked(source: str, target: str, source_place: str, target_place: str) -> Pair:
    for text, place, side in ((source, source_place, "source"), (target, target_place, "target")):
        if not text or text.isspace():
            raise UserError(f"{place}: the {side} is empty")
    return Pair(source, target)


def _given_splits(
    directory: Path,
    languages: list[str],
    limit: int | None,
    valid: int | None,
    test: int | None,
    test_set: str | None,
) -> Split:
    """Read the splits a directory has, and hold out the others from its train."""
    train = _file_pairs(directory / "train", languages, limit)
    valid_name = next((name for name in _VALID_NAMES if _found(directory / name, languages[0])), None)
    test_name = _test_name(directory, languages[0], test_set)
    given = {
        name: _file_pairs(directory / stem, languages, size) if size != 0 else []
        for name, stem, size in (("valid", valid_name, valid), ("test", test_name, test))
        if stem is not None
    }
    left = [0 if name in given else size for name, size in (("valid", valid), ("test", test))]
    drawn = _split(str(directory), train, *left)
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
        file = prefix.with_name(f"{prefix.name}.{language}{end}")
        if file.is_file():
            return file
    return None


def _file_pairs(prefix: Path, languages: list[str], limit: int | None) -> list[Pair]:
    """Read both files whole, that a difference in length is seen, and pair the first `limit` lines."""
    found = [_found(prefix, language) or existing_file(f"{prefix}.{language}") for language in languages]
    source, target = (list(read_lines(file)) for file in found)
    if len(source) != len(target):
        raise UserError(f"{found[0]} has {len(source)} lines, but {found[1]} has {len(target)}")
    both = islice(zip(source, target, strict=True), limit)
    return [_checked(line, other, place, other_place) for (place, line), (other_place, other) in both]
