"""Running text in three parts, and the windows it is cut into."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from attnrun.data import plain_text
from attnrun.data.corpus import Corpus, Pair
from attnrun.data.examples import NO_ANSWER
from attnrun.data.plain_text import phrases, text
from attnrun.data.vocabulary import BOS, PAD
from attnrun.data.windows import Windows
from attnrun.errors import UserError


def test_the_parts_are_the_file_in_its_order(tmp_path: Path) -> None:
    whole = "ab\n\n" + "x\u2028é\x1b[31m\n" * 30
    for name, content in (("a.txt", whole.encode()), ("a.gz", gzip.compress(whole.encode()))):
        (tmp_path / name).write_bytes(content)
        data = text(7, path=str(tmp_path / name), valid=0.1, test=0.2)
        assert data.train + data.valid + data.test == whole
        assert (len(data.valid), len(data.test)) == (round(0.1 * len(whole)), round(0.2 * len(whole)))


def test_a_limit_reads_the_beginning(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("0123456789\n" * 9)
    data = text(0, path=str(file), valid=0.2, test=0.2, limit=25)
    assert data.train + data.valid + data.test == ("0123456789\n" * 9)[:25]


def test_each_language_of_the_phrases_keeps_its_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [Pair(f"en {number}", f"fr {number}") for number in range(6)]
    corpus = Corpus("phrases", "en", "fr", pairs[:3], pairs[3:4], pairs[4:])
    monkeypatch.setattr(plain_text, "load", lambda limit, held_out: replace(corpus, train=pairs[:3][:limit]))
    english, french = phrases(3), phrases(0, language="fr", limit=2)
    assert (english.train, english.valid) == ("en 0\nen 1\nen 2\n", "en 3\n")
    assert (french.train, french.test) == ("fr 0\nfr 1\n", "fr 4\nfr 5\n")


@pytest.mark.parametrize(
    ("content", "keys", "message"),
    [
        (b"good\nb\xffd\n", {}, r"a\.txt:2: not UTF-8 at byte 1 of the line"),
        (b"", {}, r"a\.txt is empty"),
        (b"ab\ncd\n", {}, "data.valid=0.05 and data.test=0.05 part 6 characters into 5, 1, 0"),
        (b"ab\ncd\n" * 9, {"valid": 0.6, "test": 0.4}, "part 54 characters into 0, 32, 22"),
        (b"a" * 70 + b"\n", {}, "more than 64 characters; read the first of them by data.limit=64"),
    ],
)
def test_a_file_that_will_not_do_is_refused_by_name(
    content: bytes, keys: dict[str, float], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_text, "MOST_CHARACTERS", 64)
    file = tmp_path / "a.txt"
    file.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        text(0, path=str(file), **keys)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("text")
    with pytest.raises(UserError, match=r"did you mean .*book\.txt"):
        text(0, path=str(tmp_path / "bok.txt"))


# Windows

TOKENS = torch.arange(100, 147)  # 47 of them


@pytest.mark.parametrize("overlap", [0, 3, 6])
@pytest.mark.parametrize("length", [1, 2, 7, 8, 41, 47])
def test_an_evaluation_asks_for_each_number_once_with_what_stands_before(length: int, overlap: int) -> None:
    windows = Windows(TOKENS[:length], 7, 3, overlap=overlap)
    asked = []
    for starts in windows.sequential():
        batch = windows.collate(starts)
        assert batch.inputs.shape == batch.targets.shape == (len(starts), 7)
        for inputs, targets, count in zip(batch.inputs, batch.targets, batch.lengths, strict=True):
            assert inputs[0] == BOS and (inputs[count:] == PAD).all()
            for place in (targets != NO_ANSWER).nonzero()[:, 0].tolist():
                asked.append(int(targets[place]))
                seen = inputs[1 : place + 1].tolist()
                assert seen == list(range(asked[-1] - place, asked[-1]))
                assert place >= min(overlap, asked[-1] - 100)
    assert asked == TOKENS[:length].tolist()


def test_training_windows_lie_side_by_side_from_a_place_that_changes() -> None:
    windows = Windows(TOKENS, 7, 2, seed=5)
    firsts = set()
    for epoch in range(9):
        order = windows.order(epoch)
        assert order == windows.order(epoch) and [len(batch) for batch in order] == [2, 2, 1]
        starts = sorted(start for batch in order for start in batch)
        assert np.diff(starts).tolist() == [7] * 4 and starts[-1] + 7 <= 47
        firsts.add(starts[0])
        batch = windows.collate(order[0])
        assert (batch.targets != NO_ANSWER).all() and (batch.lengths == 7).all()
        assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    assert len(firsts) > 2
    assert Windows(TOKENS, 7, 2, seed=6).order(0) != windows.order(0)


def test_a_text_shorter_than_a_window_is_one_with_padding() -> None:
    windows = Windows(TOKENS[:3], 7, 2)
    batch = windows.collate(windows.order(0)[0])
    assert batch.inputs.tolist() == [[BOS, 100, 101, 0, 0, 0, 0]]
    assert batch.targets.tolist() == [[100, 101, 102, -1, -1, -1, -1]]
