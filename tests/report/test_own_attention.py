"""What each side of a Transformer has of itself, in a page."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attnrun.analysis.head_figures import head_figures
from attnrun.analysis.maps import AttentionMap
from attnrun.analysis.packing import common, unpack
from attnrun.analysis.report_page import page
from attnrun.cli import report_document
from tests.report.conftest import call, data_of, written

KINDS = ("cross", "source", "target")


def views_of(item: Any, kind: str) -> list[Any]:
    return [view for view in item["views"] if view["kind"] == kind]


def test_weights_of_every_kind_are_those_that_show_writes(runs: Path, pages: dict[str, Path]) -> None:
    data = data_of(pages["transformer"].read_text())
    names = ["target to source", "source to itself", "target to itself"]
    assert [(kind["kind"], kind["name"]) for kind in data["kinds"]] == list(zip(KINDS, names, strict=True))
    assert [kind["shown"] for kind in data["kinds"]] == [23, 23, 23]
    for item in data["items"][::7]:
        for kind in KINDS[1:]:
            words = ["outputs/transformer/one", item["source"], "--of", kind, "-o", "own.npz"]
            assert call(runs, "show", *words).exit_code == 0
            expected = AttentionMap.load(runs / "own.npz")
            (view,) = views_of(item, kind)
            found = unpack(view["maps"][0])
            assert (found.queries, found.keys) == (expected.queries, expected.keys)
            assert found.queries == found.keys and view["links"] is None
            assert np.abs(found.weights - expected.weights).max() <= 1 / 255


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_the_entropy_of_a_kind_is_that_of_its_maps(pages: dict[str, Path], kind: int) -> None:
    data = data_of(pages["transformer"].read_text())
    maps = [unpack(views_of(item, KINDS[kind])[0]["maps"][0]) for item in data["items"]]
    (found,) = data["kinds"][kind]["entropy"]
    np.testing.assert_allclose(found, head_figures(maps)["entropy"], atol=0.02)  # of rounded weights
    assert np.shape(found) == (2, 3)


def test_two_runs_share_what_both_have_of_a_kind(pages: dict[str, Path]) -> None:
    """The second Transformer has one layer in its encoder and three in its decoder."""
    data = data_of(pages["twins"].read_text())
    shapes = [[np.shape(one) for one in kind["entropy"]] for kind in data["kinds"]]
    assert shapes == [[(2, 3), (3, 3)], [(2, 3), (1, 3)], [(2, 3), (3, 3)]]
    for item in data["items"]:
        for kind in KINDS:
            view = views_of(item, kind)[0]
            ours, theirs = (unpack(one) for one in view["maps"])
            assert view["rows"] == common(ours.queries, theirs.queries)
            assert view["columns"] == common(ours.keys, theirs.keys)
        source = views_of(item, "source")[0]
        assert source["rows"] == source["columns"] == [[place, place] for place in range(len(source["rows"]))]


def test_beside_a_recurrent_network_there_is_one_map(pages: dict[str, Path]) -> None:
    data = data_of(pages["both"].read_text())
    for kind in data["kinds"][1:]:
        assert kind["shown"] == 23 and kind["entropy"][0] is not None and kind["entropy"][1] is None
    for item in data["items"]:
        for kind in KINDS[1:]:
            (view,) = views_of(item, kind)
            assert view["maps"][0] is not None and view["maps"][1] is None and "rows" not in view
    alone = data_of(pages["rnn"].read_text())
    assert [kind["kind"] for kind in alone["kinds"]] == ["cross"]
    assert {view["kind"] for item in alone["items"] for view in item["views"]} == {"cross"}


def tighten(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Leave a page like this one room for three quarters of what its sides have of themselves."""
    data = data_of(path.read_text())
    items = [{**item, "views": views_of(item, "cross")} for item in data["items"]]
    whole, bare = len(path.read_bytes()), len(page({**data, "items": items}, data["title"]))
    room = whole - (whole - bare) // 4
    monkeypatch.setattr(report_document, "_MARGIN", 400)
    monkeypatch.setattr(report_document, "_LARGEST", room)
    return room


def test_a_page_that_is_full_has_them_of_fewer_samples_and_says_so(
    runs: Path, pages: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All samples keep their target to source; the best and the worst have every kind."""
    room = tighten(pages["transformer"], monkeypatch)
    text = written(runs, "outputs/transformer/one", "-o", "full.html")
    assert len(text.encode()) <= room
    found = data_of(text)
    counts = [kind["shown"] for kind in found["kinds"]]
    assert counts[0] == len(found["items"]) == 23 and 16 <= counts[1] == counts[2] < 23
    assert found["notes"] == [
        f"what each side has of itself is shown of {counts[1]} of 23 samples, to keep the page under 5 MB"
    ]
    ends = {one["place"] for side in found["samples"].values() for one in side[:4]}
    assert ends <= {item["place"] for item in found["items"] if views_of(item, "source")}
