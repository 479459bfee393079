"""Statements about word order: how good translations are where both sides order their words differently."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from attnrun.analysis.sample_scores import by_group
from attnrun.claims.training import joined, trained_run
from attnrun.claims.trial import Trial
from attnrun.data.corpus import Links
from attnrun.errors import UserError
from attnrun.launch.trained import corpus_of
from attnrun.runs.find import RunRecord
from attnrun.runs.samples import read_samples

_GROUPS = ("in_order", "neighbours", "further")


def by_order(seed: int, *, variants: dict[str, str], words: str = "") -> Trial:
    """Train each variant, and score its test sentences by the kind of reordering that their gold links show.

    Figures are BLEU: `bleu_VARIANT` of all, `VARIANT_in_order` where no two links cross,
    `VARIANT_neighbours` where links cross of words that are next to each other in the source alone, and
    `VARIANT_further` where others cross. `lost_VARIANT` is how many per cent of the
    first the last is below it.

    Args:
        seed: of the runs.
        variants: name -> words, as after `attnrun train`.
        words: for all of them.

    Raises:
        UserError: words that do not fit, or a corpus without gold links.
        RunFailed: a training failed.
    """
    runs = {
        name: trained_run(seed, joined(text, "", words, f"variants.{name}"))
        for name, text in variants.items()
    }
    figures: dict[str, float] = {}
    for name, directory in runs.items():
        found = by_group(directory, _grouped(directory))
        figures[f"bleu_{name}"] = RunRecord(directory).metrics["bleu"]
        figures |= {f"{name}_{group}": score for group, score in found.items()}
        figures[f"lost_{name}"] = 100 * (1 - found["further"] / max(found["in_order"], 1e-9))
    return Trial(figures, columns=_GROUPS)


def _grouped(directory: Path) -> dict[str, list[int]]:
    """The places of the test sentences of each kind."""
    pairs = corpus_of(directory).test
    if [pair.source for pair in pairs] != [row["source"] for row in read_samples(directory, "test")]:
        raise UserError(f"{directory}: its samples are not those of its corpus")
    groups: dict[str, list[int]] = {name: [] for name in _GROUPS}
    for place, pair in enumerate(pairs):
        if pair.links is None:
            raise UserError(f"{directory}: its corpus has no gold links")
        groups[_GROUPS[min(_crossing(pair.links), 2)]].append(place)
    if empty := [name for name, places in groups.items() if not places]:
        raise UserError(f"{directory}: no test sentence is {empty[0]}")
    return groups


def _crossing(links: Links) -> int:
    """How far apart in the source the words are at most whose links cross; 0 where none do."""
    pairs: Sequence[tuple[tuple[int, int], tuple[int, int]]] = list(combinations(sorted(links), 2))
    return max(
        (right[0] - left[0] for left, right in pairs if left[0] < right[0] and right[1] < left[1]), default=0
    )
