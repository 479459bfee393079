"""A folder of WAV files, in both layouts, and what can be wrong with it."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attnrun.data.wav import to_wav
from attnrun.data.wav_folder import load
from attnrun.errors import UserError


def write(path: Path, number: int, rate: int = 8000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_wav(np.random.default_rng(number).uniform(-0.5, 0.5, 200 + number), rate))


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    for number in range(20):
        write(tmp_path / ("no" if number % 2 else "yes") / f"{number}.WAV", number)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "yes/.hidden").write_text("")
    return tmp_path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = []
    for number in range(20):
        write(tmp_path / f"s{number}.wav", number)
        rows.append(f"s{number}.wav\tsay {number}\tspeaker {number % 5}\n")
    (tmp_path / "labels.tsv").write_text("".join(rows))
    return tmp_path


def test_a_folder_for_each_label(labelled: Path) -> None:
    found = load(0, path=str(labelled), valid=0.15, test=0.3)
    assert [len(part) for part in (found.train, found.valid, found.test)] == [11, 3, 6] and found.rate == 8000
    everything = [*found.train, *found.valid, *found.test]
    assert len({one.name for one in everything}) == 20 and {one.text for one in everything} == {"yes", "no"}
    assert all(one.name.startswith(one.text) for one in everything)
    again = load(9, path=str(labelled), valid=0.15, test=0.3)
    assert [one.name for one in again.test] == [one.name for one in found.test]


def test_equal_recordings_are_in_the_same_split(labelled: Path) -> None:
    for number in range(20):
        write(labelled / f"maybe/{number}.wav", number)
    found = load(0, path=str(labelled), valid=0.2, test=0.3)
    parts = [{one.samples.tobytes() for one in part} for part in (found.train, found.valid, found.test)]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 20


def test_a_table_of_labels(table: Path) -> None:
    found = load(0, path=str(table), rate=4000, valid=0.1, test=0.1)
    everything = {one.name: one for one in (*found.train, *found.valid, *found.test)}
    assert [len(part) for part in (found.train, found.valid, found.test)] == [16, 2, 2]
    assert everything["s13.wav"].text == "say 13" and len(everything["s13.wav"].samples) == 107


def test_no_speaker_is_in_two_splits(table: Path) -> None:
    found = load(0, path=str(table), speaker=3, valid=0.1, test=0.3)
    people = [{one.speaker for one in part} for part in (found.train, found.valid, found.test)]
    assert [len(part) for part in people] == [2, 1, 2] and len(set.union(*people)) == 5


def message(**keys: Any) -> str:
    with pytest.raises(UserError) as caught:
        load(0, **keys)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_folders_of_every_wrong_kind(tmp_path: Path, labelled: Path) -> None:
    assert "no folder; give one with labels.tsv, or with a sub-folder" in message(path=str(tmp_path / "x"))
    assert "data.path='': no folder" in message(path="")
    (tmp_path / "file").write_text("")
    assert "not a folder" in message(path=str(tmp_path / "file"))
    assert "has no labels.tsv and 0 sub-folders" in message(path=str(labelled / "yes"))
    assert "data.speaker=3: " in message(path=str(labelled), speaker=3)
    assert "20 recordings, too few to part by data.valid=0.9" in message(path=str(labelled), valid=0.9)
    (labelled / "empty").mkdir()
    assert message(path=str(labelled)).endswith("empty holds no WAV files")
    (labelled / "empty/song.mp3").write_text("")
    assert "song.mp3 does not end in .wav" in message(path=str(labelled))
    (labelled / "empty/song.mp3").rename(labelled / "empty/song.wav")
    assert "song.wav is no WAV file" in message(path=str(labelled))


@pytest.mark.parametrize(
    "text, keys, expected",
    [
        ("nowhere.wav\tone\n", {}, "labels.tsv:1: .* holds no file 'nowhere.wav'"),
        ("../out.wav\tone\n", {}, "labels.tsv:1: .* holds no file '../out.wav'"),
        ("/etc/passwd\tone\n", {}, "labels.tsv:1: .* holds no file '/etc/passwd'"),
        ("out/link.wav\tone\n", {}, "labels.tsv:1: .* holds no file 'out/link.wav'"),
        ("x" * 5000 + "\tone\n", {}, "labels.tsv:1: .* holds no file 'xxxx"),
        ("a\0b\tone\n", {}, "labels.tsv:1: "),
        ("s0.wav\n", {}, "labels.tsv:1: 1 column between tabs, and column 2 is asked for"),
        ("s0.wav\tone\ns1.wav\t \n", {}, "labels.tsv:2: nothing in the column of transcripts"),
        ("s0.wav\tone\n", {"speaker": 3}, "labels.tsv:1: 2 columns between tabs, and column 3"),
        ("s0.wav\tone\n", {"speaker": 2}, "transcripts=2 and data.speaker=2 are the same column"),
        ("s0.wav\tone\n", {}, "1 recording, too few to part"),
        ("s0.wav\tone\tx\ns1.wav\ttwo\tx\n", {"speaker": 3}, "1 speaker, too few to part"),
        ("", {}, "labels.tsv is empty"),
    ],
)
def test_tables_of_every_wrong_form(text: str, keys: Any, expected: str, table: Path) -> None:
    (table / "labels.tsv").write_text(text)
    write(table.parent / "out.wav", 1)
    (table / "out").mkdir(exist_ok=True)
    (table / "out/link.wav").symlink_to(table.parent / "out.wav")
    with pytest.raises(UserError, match=expected):
        load(0, path=str(table), **keys)


def test_no_more_is_kept_than_the_bound(labelled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnrun.data.wav_folder._MAXIMUM_TOTAL", 10_000)
    assert "take more than 0 MiB; take fewer, or lower data.rate" in message(path=str(labelled))


def test_a_label_that_is_no_text_is_refused(labelled: Path) -> None:
    for name in (b"caf\xe9", b" ", b"a\x1b[31m"):
        odd = Path(os.fsdecode(os.fsencode(labelled) + b"/" + name))
        write(odd / "1.wav", 50)
        assert "this name is blank, or no text that prints, and cannot be" in message(path=str(labelled))
        shutil.rmtree(odd)
