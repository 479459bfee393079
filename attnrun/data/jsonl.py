"""A user's own corpus in JSON lines: one object a line, with a field for each side."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from attnrun.data.alignments import Base, Gold, Row
from attnrun.data.corpus import Corpus
from attnrun.data.pairs import TestPairs, checked, corpus_of, divided
from attnrun.data.reading import JSON_LINES, read_lines
from attnrun.errors import UserError, suggest
from attnrun.escape import for_terminal, truncate
from attnrun.ranges import NonNegativeInt, PositiveInt

_KINDS = {dict: "an object", list: "a list", bool: "a truth value", int: "a number", float: "a number"}


def load(
    *,
    path: str,
    source: str,
    target: str,
    limit: PositiveInt | None = None,
    valid: NonNegativeInt | None = None,
    test: TestPairs = None,
    tokenised: bool = False,
    alignments: str | None = None,
    alignment_field: str | None = None,
    alignment_base: Base = 0,
) -> Corpus:
    """Read a file with one JSON object a line; plain, gzip, or a zip with one .jsonl, .ndjson or .json file.

    Args:
        path: the file.
        source: name of the field that holds the source text; `translation.en` is `en` inside `translation`,
            unless there is a field with the dot in its name.
        target: the same for the target.
        limit: read the first so many pairs only.
        valid: pairs to hold out for validation, see `splits.split`.
        test: pairs to hold out for testing; `all` to evaluate a trained model on the whole file.
        tokenised: the texts are tokens with spaces between them.
        alignments: file of gold word alignments, a line a pair, see `alignments`.
        alignment_field: name of the field that holds them instead, as such a line or as a list of `[i, j]`.
        alignment_base: number of a sentence's first token in the alignments.

    A line feed inside a text is read as a space; other fields are ignored.

    Raises:
        UserError: the file or a line is not as described; the message names file and line.
    """
    if source == target:
        raise UserError(f"corpus.source and corpus.target are both {source!r}")
    gold = Gold(alignments, alignment_base, tokenised)
    gold.refuse_beside("alignment_field", alignment_field)
    rows = list(islice(_rows(path, source, target, alignment_field), limit))
    pairs = gold.attach(rows, None if len(rows) == limit else len(rows))
    languages = [name.rpartition(".")[2] for name in (source, target)]
    return corpus_of(path, languages, divided(path, pairs, valid, test), tokenised)


def _rows(path: str, source: str, target: str, links: str | None) -> Iterator[Row]:
    for place, line in read_lines(path, JSON_LINES):
        record = _record(line, place)
        keys = (source, "source"), (target, "target")
        texts = [_text(_field(record, name, key, place), name, place) for name, key in keys]
        written = None
        if links is not None:
            written = place, _links(_field(record, links, "alignment_field", place), links, place)
        yield checked(texts[0], texts[1], place, place), written


def _record(line: str, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        # A document that is laid out over several lines breaks off at the end of its first.
        cut = "; JSON lines hold one object a line" if error.pos >= len(line.rstrip()) else ""
        raise UserError(f"{place}: not JSON at character {error.pos + 1}: {error.msg}{cut}") from None
    except RecursionError:
        raise UserError(f"{place}: JSON that is nested too deeply") from None
    except ValueError:  # Python refuses to convert thousands of digits
        raise UserError(f"{place}: JSON with a number of too many digits") from None
    if not isinstance(record, dict):
        raise UserError(f"{place}: {_kind(record)}, not an object; JSON lines hold one object a line")
    return record


def _field(record: dict[str, Any], name: str, key: str, place: str) -> Any:
    """Return the value of a field, by its whole name or by the parts between its dots."""
    if name in record:
        return record[name]
    found: Any = record
    parts = name.split(".")
    for number, part in enumerate(parts):
        if not isinstance(found, dict) or part not in found:
            raise UserError(
                f"{place}: no field {name!r} for corpus.{key}{_nearest(found, parts[: number + 1])}"
            )
        found = found[part]
    return found


def _nearest(record: Any, parts: list[str]) -> str:
    """Return the tail of a message: the fields there are at the place where the name leads nowhere."""
    if not isinstance(record, dict):
        return f"; {'.'.join(parts[:-1])!r} is {_kind(record)}"
    names = [".".join([*parts[:-1], for_terminal(truncate(name, 40))]) for name in record]
    return suggest(".".join(parts), names)


def _text(value: Any, name: str, place: str) -> str:
    if not isinstance(value, str):
        raise UserError(f"{place}: field {name!r} is {_kind(value)}, not a text")
    if "\0" in value:
        raise UserError(f"{place}: field {name!r} holds a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise UserError(f"{place}: field {name!r} holds half a surrogate pair, which is no character")
    return value.replace("\n", " ")


def _links(value: Any, name: str, place: str) -> str:
    """Return alignments in the Pharaoh form, in which they are checked."""
    if isinstance(value, str):
        return value
    links = value if isinstance(value, list) else [value]
    for link in links:
        if not (isinstance(link, list) and len(link) == 2 and all(type(index) is int for index in link)):
            raise UserError(f"{place}: field {name!r} is neither a text of links nor a list of [i, j]")
    return " ".join(f"{source}-{target}" for source, target in links)


def _kind(value: Any) -> str:
    return "null" if value is None else _KINDS.get(type(value), "a text")
