"""The words that name a corpus on the command line, NAME|FILE and KEY=VALUE, as overrides of a training."""

import json
import os
import shlex
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from attnrun.errors import UserError, nearest
from attnrun.launch import catalog
from attnrun.launch.config import NoValue
from attnrun.launch.quoting import quote, quote_unless_read
from attnrun.launch.schema import keywords_of
from attnrun.launch.targets import resolve

_OTHERS = ("tokeniser", "filter")  # groups that a word may name beside the corpus
_SURELY = 0.7  # likeness from which on a word is a misspelt key
_JSON_LINES = (".jsonl", ".ndjson", ".json")
_PACKED = (".gz", ".zip")
_SHOWN_FIELDS = 12
_BAD_ZIP = (OSError, ValueError, RuntimeError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Spelling:
    """How a command's words name a corpus and its keys."""

    corpus: str = ""
    key: str = ""
    full_key: str = ""  # before `corpus.KEY`

    def files(self, path: str, source: str = "…", target: str = "…") -> str:
        """Return the words for a pair of files, to be typed into a shell."""
        keys = f"path={shlex.quote(path)}", f"source={source}", f"target={target}"
        return " ".join([f"{self.corpus}files", *(self.key + key for key in keys)])


@dataclass(frozen=True)
class Choice:
    """A corpus of the catalog, and the file it is to read where one was named."""

    name: str
    file: Path | None = None

    @property
    def overrides(self) -> list[str]:
        """The words that choose it in a training."""
        path = [] if self.file is None else [f"corpus.path={quote(str(self.file))}"]
        return [f"corpus={self.name}", *path]


def choose(given: str, config_dir: Path | None = None, spelling: Spelling = Spelling()) -> Choice:
    """Return what `given` names: a corpus of the catalog, else a file.

    A file is a table with tabs between its columns, or JSON lines where its name says so.

    Raises UserError where it names neither; the message says what to write in `spelling`.
    """
    known = catalog.names("corpus", config_dir)
    if given in known:
        return Choice(given)
    if os.path.isdir(given):
        words = spelling.files(given)
        raise UserError(f"{given!r} is a directory, not a file; for pairs of files in it write: {words}")
    file = _existing(given, known)
    return Choice(_kind(file, spelling), file.absolute())


@contextmanager
def telling_fields(choice: Choice | None, spelling: Spelling = Spelling()) -> Iterator[None]:
    """Ask for keys without a value in the command's words; name the fields of a file of JSON lines."""
    try:
        yield
    except NoValue as error:
        asking = NoValue(error.keys, spelling.full_key + "{}=…")
        raise UserError(f"{asking}{_fields(choice)}") from None


def override(word: str, node: Mapping[str, Any], trust: tuple[str, ...], config_dir: Path | None) -> str:
    """Return a word as an override: a key of the corpus's `node`, or what names a tokeniser or filter.

    Raises UserError for a key that changes nothing here.
    """
    key, text = parted(word)
    bare = key.lstrip("+").removeprefix("corpus.")
    if bare in node:
        target = node.get("_target_")
        declared = keywords_of(resolve(target, "corpus._target_", trust)) if target else {}
        annotation = declared[bare].annotation if bare in declared else Any
        return f"corpus.{bare}={quote_unless_read(text, annotation)}"
    if key.lstrip("+").partition(".")[0] in _OTHERS:
        return word
    if "defaults" in node and "." not in bare:  # Hydra knows which keys it has from another choice
        return f"corpus.{bare}={quote_unless_read(text, Any)}"
    raise UserError(f"no config key {key!r} here{_nearest_key(bare, node, config_dir)}")


def parted(word: str) -> tuple[str, str]:
    """Return key and value of KEY=VALUE.

    Raises UserError for another word, and for one that names a corpus.
    """
    key, equals, text = word.partition("=")
    if not equals:
        raise UserError(f"cannot read {word!r}; expected KEY=VALUE")
    if key == "corpus":
        raise UserError(f"the corpus is named already; leave out {word}")
    return key, text


def _existing(given: str, known: Sequence[str]) -> Path:
    """Return the file; where there is none, name the nearest corpus, or for a path the nearest file."""
    from attnrun.data.reading import existing_file

    close = nearest(given, known)
    is_path = os.sep in given or bool(Path(given).suffix)
    try:
        return existing_file(given)
    except UserError as error:
        if os.path.exists(given):
            raise
        if close is not None and not is_path:
            raise UserError(f"{given!r} names no corpus and no file; did you mean {close!r}?") from None
        hint = "" if ";" in str(error) else "; corpora: `attnrun data list`"
        raise UserError(f"{given!r} names no corpus: {error}{hint}") from None


def _kind(file: Path, spelling: Spelling) -> str:
    """Return the corpus that reads a file; what a zip holds is known by the names in it."""
    from attnrun.data.reading import TEXT, is_zip

    if _without_packing(file.name).endswith(_JSON_LINES):
        return "jsonl"
    names = _members(file) if is_zip(file) else []
    ends = {Path(name).suffix.lower() for name in names}
    if not ends or ends & set(TEXT):
        return "tsv"
    if ends & set(_JSON_LINES):
        return "jsonl"
    sides = sorted(end.removeprefix(".") for end in ends) if len(ends) == len(names) == 2 else []
    words = spelling.files(str(file), *sides)
    raise UserError(f"{file} holds {', '.join(names[:5])}; for a pair of files write: {words}")


def _members(file: Path) -> list[str]:
    """Return the files of a zip, notes and system files left out; none where it cannot be read."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = [member.filename for member in archive.infolist() if not member.is_dir()]
    except _BAD_ZIP:
        return []
    return [name for name in names if not any(part.startswith(("_", ".")) for part in name.split("/"))]


def _without_packing(name: str) -> str:
    lower = name.lower()
    return next((lower.removesuffix(end) for end in _PACKED if lower.endswith(end)), lower)


def _fields(choice: Choice | None) -> str:
    """Return the tail of a message: the fields of the first line, those inside a field too."""
    from attnrun.data.reading import read_lines

    if choice is None or choice.file is None or choice.name != "jsonl":
        return ""
    try:
        _, line = next(read_lines(choice.file, _JSON_LINES))
        record = json.loads(line)
    except (UserError, ValueError, RecursionError):  # a training will say what is wrong
        return ""
    names = list(_names(record)) if isinstance(record, dict) else []
    more = ", …" if len(names) > _SHOWN_FIELDS else ""
    return f"; the fields of the first line: {', '.join(names[:_SHOWN_FIELDS])}{more}" if names else ""


def _names(record: Mapping[str, Any]) -> Iterator[str]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in value)
        else:
            yield name


def _nearest_key(bare: str, node: Mapping[str, Any], config_dir: Path | None) -> str:
    """Return the tail of a message: the key that is meant, of whatever group, else what there is."""
    own = [key for key in node if not key.startswith("_")]
    others = {
        key: f"{group}.{key}"
        for group in _OTHERS
        for entry in catalog.entries(group, config_dir)
        for key in catalog.read_node(entry.path)
        if not key.startswith("_")
    }
    known = others | {group: group for group in _OTHERS} | {key: f"corpus.{key}" for key in own}
    close = get_close_matches(bare, known, n=1, cutoff=_SURELY)
    if close:
        return f"; did you mean {known[close[0]]!r}?"
    taken = f"this corpus takes {', '.join(own)}"
    return f"; data stats takes corpus, tokeniser and filter keys, {taken}"
