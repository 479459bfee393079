"""The links of a trained model's attention: where to read them is chosen on some pairs, judged on others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnrun.cli.ends import say
from attnrun.cli.options import finished_run
from attnrun.errors import UserError

if TYPE_CHECKING:
    from attnrun.analysis.aligning import Choice, Extract
    from attnrun.analysis.alignment import Link
    from attnrun.data.corpus import Pair

_BATCH = 256  # pairs whose weights are held at once

Given = tuple[str | None, str | None, int | None]  # --text, --gold, --gold-base


@dataclass(frozen=True)
class Way:
    """How links are made of weights, and what becomes of them."""

    symmetrise: Any
    threshold: float | None
    development: float | None
    output: Path | None
    trust: tuple[str, ...]


def align_run(run: str, reverse: str | None, given: Given, way: Way) -> dict[str, Any]:
    """Return the document of `attnrun align RUN`."""
    from attnrun.analysis.aligning import extractor
    from attnrun.analysis.alignment import agreement, symmetrised

    directory = finished_run(run)
    everything, chosen_on, judged, how = _parts(directory, given, way)
    extract = extractor(way.threshold)
    forward = _Reader.made(directory, chosen_on, how, extract, way.trust)
    readers = {"": forward}
    if reverse is not None:
        other = finished_run(reverse)
        turned = [pair.reversed() for pair in chosen_on]
        readers["reverse_"] = _Reader.made(other, turned, how, extract, way.trust)

    def read(pairs: "Sequence[Pair]") -> "list[Sequence[Link]]":
        found = list(forward.links(pairs))
        if reverse is None:
            return list(found)
        back = readers["reverse_"].links([pair.reversed() for pair in pairs])
        swapped = ([(s, t) for t, s in links] for links in back)
        return [sorted(symmetrised(*both, way.symmetrise)) for both in zip(found, swapped, strict=True)]

    found = read(judged)
    scores = agreement(found, [pair.links for pair in judged], [pair.possible for pair in judged])
    if way.output is not None:
        _write(way.output, read(everything))
    return {"run": str(directory), **scores, **_counts(found, judged), **_told(readers, chosen_on)}


@dataclass(frozen=True)
class _Reader:
    """A model with the place to read its links at."""

    model: Any
    how: Any
    extract: "Extract"
    ranked: "list[Choice]"

    @classmethod
    def made(
        cls, directory: Path, pairs: "Sequence[Pair]", how: Any, extract: "Extract", trust: tuple[str, ...]
    ) -> "_Reader":
        from attnrun.analysis.aligning import Gold, rank
        from attnrun.launch.trained import open_model
        from attnrun.runs.find import RunRecord

        model = open_model(directory, trust)
        if not hasattr(model, "word_weights"):
            experiment = RunRecord(directory).experiment
            raise UserError(f"{directory} is a run of {experiment}, which aligns no words")
        unread = cls(model, how, extract, [])
        looks = (look for some in unread._looks(pairs) for look in some)
        gold = Gold([pair.links for pair in pairs], [pair.possible for pair in pairs])
        return replace(unread, ranked=rank(looks, gold, extract))

    def links(self, pairs: "Sequence[Pair]") -> "Iterator[list[Link]]":
        for some in self._looks(pairs):
            yield from (self.extract(self.ranked[0].read(look)) for look in some)

    def _looks(self, pairs: "Sequence[Pair]") -> Iterator[list[dict[int, Any]]]:
        for start in range(0, len(pairs), _BATCH):
            try:
                looks = self.model.word_weights(pairs[start : start + _BATCH], self.how)
            except ValueError as error:
                hint = "the text is not in the form of the run's corpus"
                raise UserError(f"pairs {start + 1} to {start + _BATCH}: {error}; {hint}") from None
            if not looks:
                raise UserError("this model has no attention to align words by")
            yield looks


def _parts(directory: Path, given: Given, way: Way) -> "tuple[list[Pair], list[Pair], list[Pair], Any]":
    """All pairs, those with links to choose by, those with links to judge, and how links count words."""
    from attnrun.data.splits import place_of

    everything, valid, how = _aligned(directory, given, way.trust)
    pairs = [pair for pair in everything if pair.links or pair.possible]
    if valid and way.development is not None:
        raise UserError("--development: the validation split has links, and the choice is made on these")
    if valid:
        return everything, valid, pairs, how
    share = 0.2 if way.development is None else way.development
    chosen_on, judged = list["Pair"](), list["Pair"]()
    for pair in pairs:
        place = place_of(f"{pair.source}\t{pair.target}".encode("utf-8", "surrogatepass"))
        (chosen_on if place < share else judged).append(pair)
    if not chosen_on or not judged:
        raise UserError(
            f"{len(pairs)} pairs with links are too few to choose by a share of {share:g} and to judge the "
            "others; --development chooses another"
        )
    return everything, chosen_on, judged, how


def _aligned(directory: Path, given: Given, trust: tuple[str, ...]) -> "tuple[list[Pair], list[Pair], Any]":
    """All pairs, with gold links where they have some; those of the corpus to choose by; how links count."""
    from attnrun.cli.align import read_pairs
    from attnrun.data.corpus import Pair
    from attnrun.data.words import natural_split
    from attnrun.launch.trained import corpus_of

    text, gold, base = given
    if text is not None and gold is None:
        raise UserError("--text needs --gold, the links of its pairs")
    if text is not None:
        pairs = [Pair(source, target) for source, target in read_pairs(text)]
        return _linked(pairs, str(gold), base, "spaces", text), [], "spaces"
    corpus = corpus_of(directory, trust)
    how = natural_split(corpus.tokenised)
    if gold is not None:
        return _linked(corpus.test, gold, base, how, "the run's test split"), [], how
    if not corpus.aligned:
        raise UserError(f"the corpus of {directory} has no gold links; --gold brings those of its test split")
    return corpus.test, [pair for pair in corpus.valid if pair.links or pair.possible], how


def _linked(pairs: "Sequence[Pair]", gold: str, base: int | None, how: Any, what: str) -> "list[Pair]":
    from attnrun.cli.align import told_base, told_within
    from attnrun.data.link_files import read_link_file
    from attnrun.data.words import split

    file = told_base(read_link_file(gold, base), base, "--gold-base").of(len(pairs), what)
    sizes = [(len(split(pair.source, how)), len(split(pair.target, how))) for pair in pairs]
    return [
        replace(pair, links=tuple(sorted(line.sure)), possible=tuple(sorted(line.possible - line.sure)))
        for pair, line in zip(pairs, told_within(file, sizes).lines, strict=True)
    ]


def _counts(found: "Sequence[Sequence[Link]]", judged: "Sequence[Pair]") -> dict[str, int]:
    return {
        "links": sum(map(len, found)),
        "sure": sum(len(pair.links or ()) for pair in judged),
        "possible": sum(len(pair.possible or ()) for pair in judged),
        "pairs": len(judged),
    }


def _told(readers: dict[str, _Reader], chosen_on: "Sequence[Pair]") -> dict[str, Any]:
    told: dict[str, Any] = {}
    for prefix, reader in readers.items():
        told[f"{prefix}chosen"] = reader.ranked[0].plain()
        heads = [choice.plain() for choice in reader.ranked]
        told[f"{prefix}development"] = {"pairs": len(chosen_on), "heads": heads}
    return told


def _write(path: Path, found: "Sequence[Sequence[Link]]") -> None:
    from attnrun.data.link_files import write_links
    from attnrun.runs.files import write_durably

    write_durably(path, write_links(found).encode())
    say(f"links: {path}")
