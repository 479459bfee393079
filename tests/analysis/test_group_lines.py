"""Groups as lines: their figures against sums by hand, and a picture in which every name is text."""

import warnings

import pytest
from matplotlib.collections import FillBetweenPolyCollection

from attnrun.analysis.group_lines import Line, group_lines, line


def test_a_line_has_only_the_places_that_all_runs_have() -> None:
    found = line("g", [{30: 3.0, 10: 1.0, 20: 5.0}, {10: 2.0, 40: 9.0, 30: 7.0}, {10: 6.0, 30: 2.0}])
    assert found == Line("g", 3, [10, 30], [3.0, 4.0], [1.0, 2.0], [6.0, 7.0], 2)
    assert line("h", [{1: 1.0}, {2: 1.0}]) == Line("h", 2, [], [], [], [], 2)


def test_a_picture_has_every_name_and_no_label_is_cut_off(hostile: list[str]) -> None:
    for first in range(0, len(hostile), 8):
        names = ["_hidden", *hostile[first : first + 8]]
        runs = [{step: place + step / 7 for step in (10, 20, 30)} for place in range(2)]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figure = group_lines([line(name, runs) for name in names], ("step", "valid/$x$"), of="seeds")
            figure.canvas.draw()
        (axes,) = figure.axes
        legend = axes.get_legend()
        assert legend is not None and len(legend.get_texts()) == len(names)
        assert all(text.get_text().endswith(", 2 seeds") for text in legend.get_texts())
        for shown in (legend, axes.xaxis.label, axes.yaxis.label, axes.title):
            box = shown.get_window_extent()
            assert box.x0 >= 0 and box.y0 >= 0, names
            assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, names


def test_a_band_reaches_from_the_lowest_run_to_the_highest() -> None:
    several = line("several", [{10: 1.0, 20: 8.0}, {10: 4.0, 20: 2.0}])
    (axes,) = group_lines([several, line("one", [{10: 0.5, 20: 0.7}])], ("step", "loss")).axes
    assert [list(drawn.get_ydata()) for drawn in axes.lines] == [[2.5, 5.0], [0.5, 0.7]]
    (band,) = [one for one in axes.collections if isinstance(one, FillBetweenPolyCollection)]
    corners = {(float(x), float(y)) for x, y in band.get_paths()[0].vertices}
    assert corners == {(10, 1), (10, 4), (20, 8), (20, 2)}


@pytest.mark.parametrize(("count", "told"), [(12, "one seed a group"), (14, "the first 12 of 14 groups")])
def test_of_very_many_groups_the_first_dozen_is_drawn(count: int, told: str) -> None:
    lines = [line(f"g{place}", [{1: 1.0, 2: float(place)}]) for place in range(count)]
    (axes,) = group_lines(lines, ("step", "loss"), of="seeds").axes
    looks = {(one.get_color(), one.get_linestyle(), one.get_marker()) for one in axes.lines}
    assert len(looks) == 12 and axes.get_title(loc="left").endswith(told)


def test_the_picture_says_where_not_all_runs_have_a_value() -> None:
    lines = [line("g", [{1: 1.0, 2: 2.0}, {1: 3.0}])]
    (axes,) = group_lines(lines, ("step", "loss")).axes
    assert "only where all runs of a group have a value" in axes.get_title(loc="left").replace("\n", " ")
