"""Everything that a page about one run, or two, holds: plain data, texts raw.

`runs` are `analysis.run_facts`; `samples` the best and the worst; `items` what can be chosen, each with
views, which have a map a run (`analysis.packing`) and gold links where they are known; `entropy` and
`error_rates` are by run, layer and head; `lengths` is BLEU by length; `whys` says of each run why it has no
map, and `notes` what else is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnrun.cli.report_maps import Gold, gold_looks, looks
from attnrun.cli.report_samples import Sample, samples
from attnrun.errors import UserError

if TYPE_CHECKING:
    from attnrun.analysis.maps import AttentionMap
    from attnrun.analysis.sample_scores import Scores
    from attnrun.runs.find import RunRecord

_WEIGHTS = 4_300_000  # characters of all weights: a page is to be under 5 MB
_SHOWN = 8  # of the best and of the worst samples
_NOTHING_KEPT = "the run keeps no inputs to show"

Item = dict[str, Any]


@dataclass(frozen=True)
class _Tested:
    """The samples that all runs have, and how good each run's answers to them are."""

    samples: list[Sample]
    scores: "list[Scores]"  # by run

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
        first, *others = [[one.values[at] for at in able] for one in self.scores] or [[]]
        gains = [b - a for other in others for a, b in zip(first, other, strict=True)]
        return [able[at] for at in choose(first, count, gains)]


def document(directories: Sequence[Path], count: int, trust: tuple[str, ...]) -> dict[str, Any]:
    """Return the data of a page about a run, or two of one task, with `count` samples at most.

    Raises UserError where a run is not finished or is damaged, or two are of different tasks or test sets.
    """
    from attnrun.analysis.run_facts import facts
    from attnrun.analysis.sample_scores import by_length
    from attnrun.runs.find import RunRecord

    records = [RunRecord(directory) for directory in directories]
    models = _models(records, trust)
    tested = _tested(records)
    return {
        "title": " and ".join(f"{one.experiment} {one.directory.resolve().name}" for one in records),
        "runs": [facts(record) for record in records],
        "samples": _ends(tested),
        "score": tested.scores[0].name,
        "tested": len(tested.able) or len(tested.samples),
        "kept": 0 < len(tested.able) < len(tested.samples),
        "lengths": by_length(directories),
        **_looks(records, models, tested, count, trust),
    }


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

    found = samples([record.directory for record in records])
    answers = [[(one.target, one.answers[side]) for one in found] for side in range(len(records))]
    return _Tested(found, [score_answers(side, records[0].metrics) for side in answers])


def _ends(tested: _Tested) -> dict[str, list[Item]]:
    """The best and the worst samples of the first run; where it keeps only some to be looked at, of these."""
    from attnrun.analysis.sample_scores import ranked

    order = [at for at in ranked(tested.scores[0].values) if at in tested.able or not tested.able]
    best = order[: min(_SHOWN, (len(order) + 1) // 2)]
    worst = [at for at in order[::-1][:_SHOWN] if at not in best]
    return {
        name: [_told(tested.samples[at], tested.scores_of(at)) for at in places]
        for name, places in (("best", best), ("worst", worst))
    }


def _told(one: Sample, scores: list[float]) -> Item:
    return {
        "place": one.place,
        "source": one.source,
        "target": one.target,
        "answers": one.answers,
        "scores": scores,
        "picture": one.picture,
    }


def _looks(
    records: "Sequence[RunRecord]", models: list[Any], tested: _Tested, count: int, trust: tuple[str, ...]
) -> dict[str, Any]:
    """The items with their maps, the figures of heads, and what is missing."""
    from attnrun.analysis.packing import mean_entropy

    chosen = tested.chosen(count)
    inputs = [str(tested.samples[at].given) for at in chosen]
    sides = [looks(model, inputs) for model in models]
    notes = list[str]()
    try:
        gold = _gold(records[0], models, [tested.samples[at] for at in chosen], trust)
    except UserError as error:  # the corpus is not here, say
        gold, notes = [None] * len(models), [f"gold links are not shown: {error}"]
    if all(side.together for side in sides) and sides:
        items = [_whole(len(inputs), [side.maps[0] for side in sides])]
    else:
        every = zip(chosen, zip(*(side.maps for side in sides), strict=True), strict=True)
        items = [
            _told(one, tested.scores_of(at)) | {"views": _views(one, maps, gold)}
            for at, maps in every
            for one in [tested.samples[at]]
            if any(map(_is_map, maps))
        ]
    kept = _fitting(items)
    whys = [side.why or (None if inputs else _NOTHING_KEPT) for side in sides]
    there = [[one for one in side.maps if one is not None] for side in sides]
    return {
        "items": sorted(map(_packed, kept), key=lambda item: item["place"]),
        "entropy": [mean_entropy([one.entropy() for one in maps]) if maps else None for maps in there],
        "error_rates": [None if one is None else one.error_rates for one in gold],
        "whys": whys,
        "notes": [*notes, *_left_out(len(items) - len(kept))],
    }


def _is_map(one: Any) -> bool:
    return one is not None


def _left_out(number: int) -> list[str]:
    return [f"{number} samples are left out, for the page would be larger than 5 MB"] if number else []


def _whole(count: int, maps: "list[AttentionMap | None]") -> Item:
    """The one item of a model whose inputs are all rows of one map."""
    told = {"place": -1, "source": f"{count} test points", "target": "", "answers": [""] * len(maps)}
    return told | {"scores": None, "picture": None, "views": [_view("all points", maps, None)]}


def _views(one: Sample, maps: "Sequence[AttentionMap | None]", gold: "Sequence[Gold | None]") -> list[Item]:
    """The map of what each run said, and that of the right target beside gold links where these are known."""
    found = [_view("what was said", maps, _own_links(one, maps))]
    known = next((side for side in gold if side is not None and one.place in side.maps), None)
    if known is not None:
        beside = [None if side is None else side.maps.get(one.place) for side in gold]
        found.append(_view("the right answer, with gold links", beside, known.links[one.place]))
    return found


def _view(name: str, maps: "Sequence[AttentionMap | None]", links: list[list[int]] | None) -> Item:
    return {"name": name, "maps": list(maps), "links": links}


def _own_links(one: Sample, maps: "Sequence[AttentionMap | None]") -> list[list[int]] | None:
    """The links that a sample brings with it, where what was said is what is right."""
    from attnrun.data.alignments import parse_links

    written = one.row.get("links")
    if not isinstance(written, str) or any(answer != one.target for answer in one.answers):
        return None
    found = [[source, target, int(sure)] for source, target, sure in parse_links("samples", written)]
    shapes = [(len(side.keys), len(side.queries)) for side in maps if side is not None]
    if any(source >= keys or target >= queries for source, target, _ in found for keys, queries in shapes):
        return None
    return found


def _fitting(items: list[Item]) -> list[Item]:
    """As many of the items, from the first on, as a page has room for."""
    from attnrun.analysis.packing import size

    kept, room = list[Item](), _WEIGHTS
    for item in items:
        room -= sum(size(one) for view in item["views"] for one in view["maps"] if one is not None)
        if room < 0:
            break
        kept.append(item)
    return kept


def _packed(item: Item) -> Item:
    return item | {"views": [_packed_view(view) for view in item["views"]]}


def _packed_view(view: Item) -> Item:
    from attnrun.analysis.packing import common, pack

    maps = view["maps"]
    if len(maps) == 2 and all(map(_is_map, maps)):
        ours, theirs = maps
        view["rows"] = common(ours.queries, theirs.queries)
        view["columns"] = common(ours.keys, theirs.keys)
    return view | {"maps": [None if one is None else pack(one) for one in maps]}


def _gold(
    record: "RunRecord", models: list[Any], chosen: Sequence[Sample], trust: tuple[str, ...]
) -> "list[Gold | None]":
    """Where each model looked for each word of the right targets, of pairs whose gold links are known."""
    from attnrun.cli.align_run import corpus_of
    from attnrun.data.words import natural_split

    if "aer" not in record.metrics or not any(hasattr(model, "word_weights") for model in models):
        return [None] * len(models)
    corpus = corpus_of(record.directory, trust)
    known = {f"{pair.source} ||| {pair.target}": pair for pair in corpus.test if pair.links or pair.possible}
    texts = {one.place: (one.row.get("source"), one.row.get("target")) for one in chosen}
    found = {
        place: known.get(f"{source} ||| {target}") or known.get(str(source))
        for place, (source, target) in texts.items()
    }
    pairs = {place: pair for place, pair in found.items() if pair is not None}
    if not pairs:
        return [None] * len(models)
    return [gold_looks(model, pairs, natural_split(corpus.tokenised)) for model in models]
