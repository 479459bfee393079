"""Texts with a label each: names of emoji in many languages, surnames, and a user's own file.

The splits are a pure function of the texts, so that no seed changes them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from attnrun.data.download import Package, Remote, fetch
from attnrun.data.reading import counted, read_lines
from attnrun.data.splits import normalised, part_of
from attnrun.data.table import read_columns
from attnrun.data.transfer import check_address
from attnrun.errors import UserError
from attnrun.ranges import Fraction, PositiveInt

_NAMES = "https://raw.githubusercontent.com/spro/practical-pytorch/master/data/names"
# sha256 and bytes of each language's file, as it is served and kept
_SURNAMES = """
6f424a8dbe51cbbbabab7a57d38b617210125e4e3991f3c657cb79b8f104bafc 13190 Arabic
09ba8f1f7e38dbc99372d461b26ad4433b811fc6bfa6a3ecca6fe11a9a777465 1246 Chinese
e17ab0ec47616a72c39cb85c783f70c3663ab64488721e5d8378f146d2226be7 3916 Czech
924f32b635170eae561f84538632138fc07d4c8bbd70ba3fb980de1ecc4d2af3 2351 Dutch
9cca037066d3d5989e24bc01801416162de506b5e28e15b7c092a47905d29bf2 27125 English
81e65b36c60ed5b89a17422f6edcadbb89546f38ad69e960e64e7ba682012a95 2178 French
7449cd590b97a733e18d613a4155decd77ec35dc5f8aadd7a82204dce4f051db 5610 German
3555b5186de7f401e6d991b088e9e644ca3099116477818c25ab5793801389e6 1981 Greek
cf8c7013256252a88d2503127b87282a11f21b2ff6db1bded68834c19a1ec058 1858 Irish
f88414c27d0606a11a678b4859277828c2565d6cc4d9ee932deef6e94f3b35e4 5657 Italian
e0e717e114fec3e7eade4d9dabe0067c475f43147e36a22b47902ee76ad9e67f 7622 Japanese
cd54221ccb362a6cba4c78828838cf3268a0e59744767a37cf6ec4b74036b136 423 Korean
45bab898af2f60ed3a728bbf6980e28821011a7caa53227553b5785903a40826 1165 Polish
50a8735f41f4f73757c8ce5b16cb0275cd86b2b214bcbc8c9805f508cb131c53 554 Portuguese
0cfe53ac18041e8f63666aa77313e0a3ff378facb132abee052d8ebdc8c3d62c 85168 Russian
78d0252711d87d948ea86fe34826c51d2d794a8e52d15b5d6f7b6244d45d62dd 752 Scottish
1bcb462ed3316756a85781d68232bddae04498fdddd5d9219c53fd1fbdeba7a7 2284 Spanish
f3f9e4164ab47601178a6e45b216464a64122f49d05541f24bf18a757253281d 339 Vietnamese
"""
_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))  # Unicode's five modifiers
Item = TypeVar("Item")

_STYLE = "\ufe0f"  # asks for the coloured form of a sign


class Labelled(NamedTuple):
    """A text and what it is."""

    text: str
    label: str


@dataclass(frozen=True)
class LabelledTexts:
    """Texts with labels in the splits `train`, `valid` and `test`."""

    train: list[Labelled]
    valid: list[Labelled]
    test: list[Labelled]

    def first(self, count: int | None) -> "LabelledTexts":
        """Return these with no more than `count` texts to train on."""
        return replace(self, train=self.train[:count])

    @property
    def labels(self) -> list[str]:
        """The labels of the training texts, in the order of their spelling."""
        return sorted({one.label for one in self.train})


def emoji_names(
    seed: int, *, valid: Fraction = 0.1, test: Fraction = 0.1, limit: PositiveInt | None = None
) -> LabelledTexts:
    """Return the names of all emoji in the 14 languages of the package `emoji`, labelled by language.

    They are those of Unicode's Common Locale Data Repository. Variants in other skin tones are left out:
    their names differ by the tone alone. The names of one emoji are in one split.

    Args:
        valid: share of the names to choose the best weights by.
        test: share of the names to test on.
        limit: train on the first so many only.

    Raises:
        UserError: the package is not installed, or a share leaves nothing to train on.
    """
    del seed
    try:
        import emoji
    except ImportError:
        raise UserError('data=emoji-names needs the package emoji: pip install "attnrun[tasks]"') from None
    emoji.config.load_language()
    rows = {
        Labelled(name.strip(":").replace("_", " "), language): sign.replace(_STYLE, "")
        for sign, names in emoji.EMOJI_DATA.items()
        if _SKIN_TONES.isdisjoint(sign)
        for language, name in names.items()
        if language in emoji.LANGUAGES and isinstance(name, str)
    }
    return _split(rows.items(), valid, test, "the names of emoji").first(limit)


def surnames_package(*, url: str | None = None) -> Package:
    """Return what `surnames` downloads.

    Raises:
        UserError: `url` is no web address.
    """
    base = _NAMES if url is None else url.rstrip("/")
    check_address(base)
    rows = map(str.split, _SURNAMES.strip().splitlines())
    return Package(
        name="surnames",
        licence="MIT",
        citation="Robertson, Classifying Names with a Character-Level RNN, practical-pytorch",
        homepage="https://github.com/spro/practical-pytorch",
        instead="data=emoji-names, which comes with a package",
        files=tuple(
            Remote(f"{name}.txt", f"{base}/{name}.txt", sha256, int(size)) for sha256, size, name in rows
        ),
    )


def surnames(
    seed: int, *, valid: Fraction = 0.1, test: Fraction = 0.1, url: str | None = None
) -> LabelledTexts:
    """Return 20,050 surnames labelled by their language, one of 18, downloaded at their first use.

    A name that stands there several times counts once for each language; its languages are in one split.

    Args:
        valid: share of the names to choose the best weights by.
        test: share of the names to test on.
        url: where the files are served; None is the author's own place.

    Raises:
        UserError: a file cannot be had, or a share leaves nothing to train on.
    """
    del seed
    package = surnames_package(url=url)
    directory = fetch(package)
    rows = {
        Labelled(line.strip(), remote.name.removesuffix(".txt")): line
        for remote in package.files
        for _, line in read_lines(directory / remote.name)
    }
    return _split(rows.items(), valid, test, "the surnames")


def labelled(
    seed: int,
    *,
    path: str,
    text: str | int = 1,
    label: str | int = 2,
    valid: Fraction = 0.1,
    test: Fraction = 0.1,
) -> LabelledTexts:
    """Read a file with a text and its label a line, in columns between tabs; plain, gzip or zip.

    Args:
        path: the file.
        text: number of the column of texts, counted from 1, or its name: a name means a first line of names.
        label: the same for the labels.
        valid: share of the lines to choose the best weights by, those whose text has the least hash.
        test: share of the lines to test on.

    Raises:
        UserError: a file, line or column is not as described; the message names file and line.
    """
    del seed
    wanted = {"data.text": text, "data.label": label}
    rows = [Labelled(*cells) for _, cells in read_columns(path, wanted)]
    return _split([(one, one.text) for one in rows], valid, test, path)


def _split(rows: Iterable[tuple[Labelled, str]], valid: float, test: float, what: str) -> LabelledTexts:
    parts = LabelledTexts(**part(rows, valid, test, what))
    if len(parts.labels) < 2:
        raise UserError(f"{what}: {counted(len(parts.labels), 'label')}; there is nothing to tell apart")
    return parts


def part(rows: Iterable[tuple[Item, str]], valid: float, test: float, what: str) -> dict[str, list[Item]]:
    """Part items, each given with a text, by a hash of that: texts that differ in form alone stay together.

    Raises UserError where nothing is left for one of train, valid and test; `what` names the items.
    """
    parts: dict[str, list[Item]] = {"train": [], "valid": [], "test": []}
    for one, text in rows:
        parts[part_of(normalised(text).encode("utf-8", "surrogatepass"), valid, test)].append(one)
    if not all(parts.values()):
        sizes = ", ".join(f"{name} {len(items)}" for name, items in parts.items())
        raise UserError(f"{what}: too few to part by data.valid={valid} and data.test={test} ({sizes})")
    return parts
