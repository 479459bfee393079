"""The samples of a page that can be chosen, with their maps: packed as they come, while there is room."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attnrun.cli.kinds import Kind
from attnrun.cli.report_maps import BATCH, Gold, Looker
from attnrun.cli.report_samples import Sample

if TYPE_CHECKING:
    from attnrun.analysis.maps import AttentionMap

_LONGEST = 5000  # characters of a text; the tokens of a map are all there
SAID = "what was said"  # the name of a view
_SPENT = 0.01  # the share of the room from which on nothing more is looked for

Item = dict[str, Any]
Maps = Sequence["AttentionMap | None"]  # by run
View = tuple[Kind, str, Maps, list[list[int]] | None]  # its name, the maps, and gold links


class Shelf:
    """Items of a page, as far as it has room for them.

    Attributes:
        items: in the order in which they came.
        left_out: how many samples there was no room for.
    """

    def __init__(self, room: int, runs: int) -> None:
        self.items: list[Item] = []
        self.left_out = 0
        self._entropies: dict[Kind, list[list[Any]]] = {kind: [[] for _ in range(runs)] for kind in Kind}
        self._room, self._spent = room, room * _SPENT

    @property
    def is_full(self) -> bool:
        return self._room <= self._spent

    def add(self, told: Item, views: Sequence[View]) -> None:
        """Take a sample with its views, or count it as left out where it is larger than the room left."""
        if _weights_of(views) > self._room:  # which is seen at once
            self.left_out += 1
            return
        item = told | {"views": [_packed(*view) for view in views]}
        if not self._take(_weights_of(views) + _length_beside_weights(item), views):
            self.left_out += 1
            return
        self.items.append(item)

    def extend(self, item: Item, views: Sequence[View]) -> None:
        """Give an item that was taken more views, all of them or, where these have no room, none."""
        if _weights_of(views) > self._room:
            return
        more = [_packed(*view) for view in views]
        if self._take(_weights_of(views) + _length_beside_weights({"views": more}), views):
            item["views"] += more

    def entropy(self, kind: Kind) -> list[list[list[float | None]] | None]:
        """Return by run the mean entropy of each head (L, H) over the items; None of a run without maps.

        It is that of what was said, not of the right answers.
        """
        from attnrun.analysis.packing import mean_entropy

        return [mean_entropy(found) if found else None for found in self._entropies[kind]]

    def _take(self, size: int, views: Sequence[View]) -> bool:
        if size > self._room:
            return False
        self._room -= size
        for kind, maps in {kind: maps for kind, _, maps, _ in reversed(views)}.items():  # the first of a kind
            for found, one in zip(self._entropies[kind], maps, strict=True):
                if one is not None:
                    found.append(one.entropy())
        return True


def _weights_of(views: Sequence[View]) -> int:
    """The bytes of the weights in a page."""
    from attnrun.analysis.packing import size

    return sum(size(one) for _, _, maps, _ in views for one in maps if one is not None)


def _length_beside_weights(item: Item) -> int:
    """The bytes of an item in a page, with a comma; weights stand there as they are."""
    from attnrun.analysis.report_page import in_script

    views = [
        view | {"maps": [one and one | {"weights": ""} for one in view["maps"]]} for view in item["views"]
    ]
    return len(in_script(item | {"views": views}).encode()) + 1


def fill(
    shelf: Shelf,
    chosen: Sequence[tuple[Sample, list[float]]],
    lookers: Sequence[Looker],
    gold: Sequence[Gold | None],
) -> None:
    """Put samples, each with its score of each run, on the shelf with where the models looked in them."""
    for start in range(0, len(chosen), BATCH):
        if not any(looker.attends for looker in lookers):
            return
        if shelf.is_full:
            shelf.left_out += len(chosen) - start
            return
        some = chosen[start : start + BATCH]
        inputs = [str(one.given) for one, _ in some]
        sides = [looker.maps(inputs) for looker in lookers]
        if len(some) > 1 and any(len(maps) == 1 for maps in sides):
            every = _in_order([str(one.given) for one, _ in chosen])
            shelf.add(*_whole(len(chosen), [looker.maps(every)[0] for looker in lookers]))
            return
        places = [one.place for one, _ in some]
        beside = [{} if side is None else side.maps(places) for side in gold]
        for (one, scores), maps in zip(some, zip(*sides, strict=True), strict=True):
            if _any(maps):
                shelf.add(told(one, scores), _views(one, maps, gold, beside))


def fill_own(shelf: Shelf, inputs: Mapping[int, str], lookers: Mapping[Kind, Sequence[Looker]]) -> None:
    """Add to the items on the shelf that lack it where each side looked at itself, as far as there is room.

    `inputs` are those of the items by place, `lookers` of each such kind of attention, by run.
    """
    bare = [item for item in shelf.items if item["place"] in inputs and not _has_own(item)]
    for start in range(0, len(bare), BATCH):
        some = bare[start : start + BATCH]
        if shelf.is_full or not any(looker.attends for sides in lookers.values() for looker in sides):
            return
        texts = [inputs[item["place"]] for item in some]
        found = {kind: [looker.maps(texts) for looker in sides] for kind, sides in lookers.items()}
        for at, item in enumerate(some):
            looks = {kind: [maps[at] for maps in sides] for kind, sides in found.items()}
            views: list[View] = [(kind, SAID, maps, None) for kind, maps in looks.items() if _any(maps)]
            shelf.extend(item, views)


def _has_own(item: Item) -> bool:
    return any(view["kind"] != Kind.cross for view in item["views"])


def _any(maps: Maps) -> bool:
    return any(one is not None for one in maps)


def told(one: Sample, scores: list[float] | None) -> Item:
    """Return what a page tells of a sample; long texts are cut."""
    return {
        "place": one.place,
        "source": _cut(one.source),
        "target": _cut(one.target),
        "answers": list(map(_cut, one.answers)),
        "scores": scores,
        "picture": one.picture,
    }


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _in_order(inputs: Sequence[str]) -> list[str]:
    """The inputs by size where they are numbers, else as they are."""
    try:
        return sorted(inputs, key=float)
    except ValueError:
        return list(inputs)


def _whole(count: int, maps: Maps) -> tuple[Item, list[View]]:
    """The one item of models whose inputs are all rows of one map."""
    one = Sample(-1, f"{count} test points", "", [""] * len(maps))
    return told(one, None), [(Kind.cross, "all points", maps, None)]


def _views(
    one: Sample, maps: Maps, gold: Sequence[Gold | None], beside: "Sequence[Mapping[int, AttentionMap]]"
) -> list[View]:
    """The map of what each run said, and that of the right target beside gold links where these are known."""
    found: list[View] = [(Kind.cross, SAID, maps, _own_links(one, maps))]
    known = next((side for side in gold if side is not None and one.place in side.pairs), None)
    if known is not None:
        looks = [side.get(one.place) for side in beside]
        found.append((Kind.cross, "the right answer, with gold links", looks, known.links(one.place)))
    return found


def _own_links(one: Sample, maps: Maps) -> list[list[int]] | None:
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


def _packed(kind: Kind, name: str, maps: Maps, links: list[list[int]] | None) -> Item:
    from attnrun.analysis.packing import common, pack

    view: Item = {"kind": kind.value, "name": name, "links": links}
    view["maps"] = [None if one is None else pack(one) for one in maps]
    there = [one for one in maps if one is not None]
    if len(there) == 2:
        ours, theirs = there
        view["rows"] = common(ours.queries, theirs.queries)
        view["columns"] = common(ours.keys, theirs.keys)
    return view
