"""Files of links alone: how they count, what lies outside, what is no such file."""

from pathlib import Path

import pytest

from attnrun.data.link_files import LinkFile, Size, read_link_file, write_links
from attnrun.errors import UserError


def wrote(directory: Path, text: str, base: int | None = None) -> LinkFile:
    path = directory / "links.txt"
    path.write_text(text)
    return read_link_file(str(path), base)


def test_sure_and_possible_links_counted_from_zero(tmp_path: Path) -> None:
    file = wrote(tmp_path, "0-0 1p2 3?4\n\n2-1\n")
    assert [(line.sure, line.possible) for line in file.lines[:3]] == [
        ({(0, 0)}, {(0, 0), (1, 2), (3, 4)}),
        (set(), set()),
        ({(2, 1)}, {(2, 1)}),
    ]
    assert [line.place.rpartition("/")[2] for line in file.lines[:2]] == ["links.txt:1", "links.txt:2"]


def test_the_base_is_one_where_many_links_name_no_token_zero(tmp_path: Path) -> None:
    many = "".join(f"{n}-{n + 1} " for n in range(1, 21))
    assert wrote(tmp_path, many).base == 1
    assert wrote(tmp_path, many).lines[0].sure == {(n - 1, n) for n in range(1, 21)}
    assert wrote(tmp_path, f"{many}0-3").base == 0
    assert wrote(tmp_path, "1-1 2-2").base == 0  # too few to tell
    assert wrote(tmp_path, many, base=0).lines[0].sure == {(n, n + 1) for n in range(1, 21)}
    assert wrote(tmp_path, many, base=0).from_base(1) == wrote(tmp_path, many, base=1)
    with pytest.raises(UserError, match=r"links.txt:2: a link names a token 0, so the first token"):
        wrote(tmp_path, "1-1\n2-0\n", base=1)


def test_links_beyond_the_sentences_are_counted_and_named(tmp_path: Path) -> None:
    file, told = wrote(tmp_path, "0-0 2-2 7p0\n0-1\n").of(2, "it").within([Size(3, 3), Size(1, 1)])
    assert [(line.sure, line.possible) for line in file.lines] == [({(0, 0), (2, 2)},) * 2, (set(), set())]
    assert told.startswith("2 links beyond the sentences left out: ")
    assert "links.txt:1 7-0, " in told and told.endswith("links.txt:2 0-1")
    inside, nothing = wrote(tmp_path, "0-0\n").of(1, "it").within([Size(1, 1)])
    assert inside.lines[0].sure == {(0, 0)} and nothing == ""


def test_a_count_from_one_is_named_where_all_would_then_be_inside(tmp_path: Path) -> None:
    sizes = [Size(2, 3)]
    _, told = wrote(tmp_path, "1-1 2-3\n", base=0).of(1, "it").within(sizes)
    assert told.endswith("2-3; all are inside where the first token is number 1")
    _, told = wrote(tmp_path, "1-1 9-3\n", base=0).of(1, "it").within(sizes)
    assert "first token" not in told


def test_other_numbers_of_lines_are_refused(tmp_path: Path) -> None:
    file = wrote(tmp_path, "0-0\n0-0\n\n\n")
    assert len(file.of(2, "it").lines) == 2
    for lines in (1, 7):
        with pytest.raises(UserError, match=rf"links.txt has \d lines?, but it has {lines}$"):
            file.of(lines, "it")


@pytest.mark.parametrize("text", ["0-0 x\n", "0:0\n", "1-2-3\n", "-1-0\n"])
def test_what_is_no_link_is_named_with_its_place(text: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"links.txt:1: .* is no link; write i-j, or ipj"):
        wrote(tmp_path, text)


def test_links_written_are_read_again(tmp_path: Path) -> None:
    pairs = [[(3, 1), (0, 0), (2, 0)], [], [(5, 7)]]
    assert write_links(pairs) == "0-0 2-0 3-1\n\n5-7\n"
    found = wrote(tmp_path, write_links(pairs)).of(3, "it")
    assert [line.sure for line in found.lines] == [set(pair) for pair in pairs]
