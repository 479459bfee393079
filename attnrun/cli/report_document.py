"""Everything that a page about one run, or two, holds: plain data, texts raw.

`runs` are `analysis.run_facts`; `samples` the best and the worst; `items` what can be chosen, each with
views, which have a kind of attention, a map a run (`analysis.packing`) and gold links where they are known;
`kinds` of attention have an `entropy` by run, layer and head, and are `shown` for so many items;
`error_rates` are those of the first kind, by run, layer and head; `lengths` is BLEU by length; `whys` says of
each run why it has no map, and `notes` what else is missing.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnrun.cli.kinds import OWN, Kind
from attnrun.cli.report_items import Shelf, fill, fill_own, told
from attnrun.cli.report_maps import Gold, Looker, gold_looks
from attnrun.cli.report_samples import Sample, samples
from attnrun.errors import UserError

if TYPE_CHECKING:
    from attnrun.analysis.sample_scores import Scores
    from attnrun.data.corpus import Pair
    from attnrun.runs.find import RunRecord

_LARGEST = 5_000_000  # bytes of a page
_MARGIN = 50_000  # of them, for what is said of all items: figures of heads, notes
_NAMES = {Kind.cross: "target to source", Kind.source: "source to itself", Kind.target: "target to itself"}
_SHOWN = 8  # of the best and of the worst samples
_NOTHING_KEPT = "the run keeps no inputs to show"
_NO_ROOM = "none has room in a page of 5 MB"


@dataclass(frozen=True)
class _Tested:
    """The samples that all runs have, and how good each run's answers to them are."""

    samples: list[Sample]
    scores: "list[Scores]"  # by run
    notes: list[str]  # on those that are missing

    @cached_property
    def able(self) -> set[int]:
        """Where the samples stand that a model can be given again."""
        return {at for at, one in enumerate(self.samples) if one.given is not None}

    def scores_of(self, at: int) -> list[float]:
        return [one.values[at] for one in self.scores]

    def chosen(self, count: int) -> list[int]:
        """Where the samples to show stand, of those that a model can be given; what matters most first."""
        from attnrun.analysis.sample_scores import choose

        able = sorted(self.able)
        first, *others = [[one.values[at] for at in able] for one in self.scores]
        gains = [b - a for other in others for a, b in zip(first, other, strict=True)]
        return [able[at] for at in choose(first, count, gains)]


def document(directories: Sequence[Path], count: int, trust: tuple[str, ...]) -> dict[str, Any]:
    """Return the data of a page about a run, or two of one task, with `count` samples at most.

    Raises UserError where a run is not finished or is damaged, or two are of different tasks or test sets.
    """
    from attnrun.analysis.report_page import page
    from attnrun.analysis.run_facts import facts
    from attnrun.runs.find import RunRecord

    records = [RunRecord(directory) for directory in directories]
    models = _models(records, trust)
    tested = _tested(records)
    title = " and ".join(f"{one.experiment} {one.directory.resolve().name}" for one in records)
    found = {
        "title": title,
        "runs": [facts(record) for record in records],
        "samples": {
            name: [told(tested.samples[at], tested.scores_of(at)) for at in places]
            for name, places in _ends(tested).items()
        },
        "score": tested.scores[0].name,
        "tested": len(tested.able) or len(tested.samples),
        "kept": 0 < len(tested.able) < len(tested.samples),
        "lengths": _lengths(directories),
    }
    room = _LARGEST - _MARGIN - len(page(found, title))
    return found | _looks(records, models, tested, count, trust, room)


def _lengths(directories: Sequence[Path]) -> dict[str, Any] | None:
    """BLEU by length; None for runs whose test sets have none, or in no common form."""
    from attnrun.analysis.sample_scores import by_length
    from attnrun.analysis.significance import NotScored

    with suppress(NotScored):
        return by_length(directories)
    return None


def _models(records: "Sequence[RunRecord]", trust: tuple[str, ...]) -> list[Any]:
    """The models; None of an experiment that has none."""
    from attnrun.launch.config import check
    from attnrun.launch.trained import open_model

    modules = [record.config.get("module") for record in records]
    if modules[0] != modules[-1]:
        told = ", ".join(f"{record.directory} is a run of {record.experiment}" for record in records)
        raise UserError(f"a report compares two runs of one task; {told}")
    return [
        None
        if record.status == "done" and not hasattr(check(record.config, trust).module, "load")
        else open_model(record.directory, trust)
        for record in records
    ]


def _tested(records: "Sequence[RunRecord]") -> _Tested:
    from attnrun.analysis.sample_scores import score_answers

    found, notes = samples([record.directory for record in records])
    answers = [[(one.target, one.answers[side]) for one in found] for side in range(len(records))]
    return _Tested(found, [score_answers(side, records[0].metrics) for side in answers], notes)


def _ends(tested: _Tested) -> dict[str, list[int]]:
    """Where the best and the worst samples of the first run stand; where it keeps only some, of these."""
    from attnrun.analysis.sample_scores import ranked

    order = [at for at in ranked(tested.scores[0].values) if at in tested.able or not tested.able]
    best = order[: min(_SHOWN, (len(order) + 1) // 2)]
    return {"best": best, "worst": [at for at in order[::-1][:_SHOWN] if at not in best]}


def _looks(
    records: "Sequence[RunRecord]",
    models: list[Any],
    tested: _Tested,
    count: int,
    trust: tuple[str, ...],
    room: int,
) -> dict[str, Any]:
    """The items with their maps, the figures of heads, and what is missing."""
    chosen = tested.chosen(count)
    gold, notes = _gold(records, models, [tested.samples[at] for at in chosen], trust)
    lookers, shelf = [Looker(model) for model in models], Shelf(room, len(models))
    own = {kind: [Looker(model, kind) for model in models] for kind in OWN}
    inputs = {tested.samples[at].place: str(tested.samples[at].given) for at in chosen}
    for places in _parts(tested, chosen, any(looker.attends for sides in own.values() for looker in sides)):
        fill(shelf, [(tested.samples[at], tested.scores_of(at)) for at in places], lookers, gold)
        fill_own(shelf, inputs, own)
    whys = [looker.why or (None if chosen else _NOTHING_KEPT) for looker in lookers]
    if shelf.left_out:
        notes.append(f"{shelf.left_out} samples are left out, for the page would be larger than 5 MB")
        whys = [why or (None if shelf.items else _NO_ROOM) for why in whys]
    kinds = _kinds(shelf)
    notes += _fewer(kinds, len(shelf.items))
    return {
        "items": sorted(shelf.items, key=lambda item: item["place"]),
        "kinds": kinds,
        "error_rates": [None if one is None else one.error_rates for one in gold],
        "whys": whys,
        "notes": [*tested.notes, *notes],
    }


def _parts(tested: _Tested, chosen: Sequence[int], several: bool) -> list[list[int]]:
    """What is chosen; of `several` kinds of attention the ends have all before others have any."""
    first = {at for places in _ends(tested).values() for at in places} if several else set()
    parts = [at for at in chosen if at in first], [at for at in chosen if at not in first]
    return [part for part in parts if part]


def _kinds(shelf: Shelf) -> list[dict[str, Any]]:
    """What kinds of attention there are to choose from, with the figures of their heads."""
    counts = Counter(kind for item in shelf.items for kind in {view["kind"] for view in item["views"]})
    return [
        {"kind": kind.value, "name": _NAMES[kind], "shown": counts[kind], "entropy": shelf.entropy(kind)}
        for kind in Kind
        if counts[kind] or kind == Kind.cross
    ]


def _fewer(kinds: list[dict[str, Any]], items: int) -> list[str]:
    """Say where a side's attention to itself is shown of some items alone."""
    least = min(one["shown"] for one in kinds)
    if least == items or len(kinds) == 1:
        return []
    return [
        f"what each side has of itself is shown of {least} of {items} samples, to keep the page under 5 MB"
    ]


def _gold(
    records: "Sequence[RunRecord]", models: list[Any], chosen: Sequence[Sample], trust: tuple[str, ...]
) -> "tuple[list[Gold | None], list[str]]":
    """Where each model looks for each word of the right targets, of pairs whose gold links are known.

    The corpus is that of the first run that was judged by such links. With a note where they cannot be shown.
    """
    nothing: list[Gold | None] = [None] * len(models)
    aligned = next((record for record in records if "aer" in record.metrics), None)
    if aligned is None or not any(hasattr(model, "word_weights") for model in models):
        return nothing, []
    try:
        pairs, how = _linked(aligned, chosen, trust)
        return [gold_looks(model, pairs, how) for model in models] if pairs else nothing, []
    except (UserError, ValueError) as error:  # the corpus is not here, say, or is in another form
        return nothing, [f"gold links are not shown: {error}"]


def _linked(
    record: "RunRecord", chosen: Sequence[Sample], trust: tuple[str, ...]
) -> "tuple[dict[int, Pair], Any]":
    """The pairs with gold links among the samples, by place, and what a word of them is."""
    from attnrun.data.words import natural_split
    from attnrun.launch.trained import corpus_of

    corpus = corpus_of(record.directory, trust)
    known = {f"{pair.source} ||| {pair.target}": pair for pair in corpus.test if pair.links or pair.possible}
    texts = {one.place: (one.row.get("source"), one.row.get("target")) for one in chosen}
    found = {
        place: known.get(f"{source} ||| {target}") or known.get(str(source))
        for place, (source, target) in texts.items()
    }
    return {place: pair for place, pair in found.items() if pair is not None}, natural_split(corpus.tokenised)
