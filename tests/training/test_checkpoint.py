"""Checkpoints: what is saved comes back, and nothing else is ever taken for it."""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest
import torch

from attnrun.errors import UserError
from attnrun.runs.checkpoints import (
    COPY,
    SCHEMA,
    digest_of_manifest,
    find_newest,
    load_best,
    load_evaluated,
    load_newest,
    read_manifest,
)
from attnrun.runs.layout import MANIFEST
from attnrun.training import checkpoint
from attnrun.training.checkpoint import save, save_average


def state(value: int) -> dict:
    return {"parts": {"model": {"weight": torch.full((3, 5), float(value))}}, "epoch": value}


def value(found) -> int:
    assert torch.equal(found["model"]["weight"], torch.full((3, 5), float(found.state["epoch"])))
    return found.state["epoch"]


def save_all(directory: Path, *steps: int, keep: int = 2, best: int | None = None) -> None:
    for step in steps:
        save(directory, state(step), step=step, keep=keep, best=step == best)


MANIFESTS = {MANIFEST, COPY}


def files(directory: Path) -> set[str]:
    return {path.name for path in (directory / "checkpoints").iterdir()}


def test_round_trip(tmp_path):
    save_all(tmp_path, 3, 7)
    found = load_newest(tmp_path)
    assert (value(found), found.step, found.path.name) == (7, 7, "step-7.pt")


def test_the_last_ones_and_the_best_stay(tmp_path):
    save_all(tmp_path, 1, 2, 3, 4, 5, 6, best=2)
    assert files(tmp_path) == MANIFESTS | {"step-2.pt", "step-5.pt", "step-6.pt"}
    assert value(load_best(tmp_path)) == 2


def test_only_the_newest_best_is_best(tmp_path):
    save_all(tmp_path, 1, 2, best=1)
    save(tmp_path, state(3), step=3, best=True)
    assert [entry.step for entry in read_manifest(tmp_path) if entry.best] == [3]
    assert value(load_best(tmp_path)) == 3


def test_the_last_evaluated_ones_stay_and_one_made_again_counts_once(tmp_path):
    for step in range(1, 8):
        save(tmp_path, state(step), step=step, keep=1, evaluated=step % 2 == 0, keep_evaluated=2)
    assert [entry.step for entry in read_manifest(tmp_path)] == [4, 6, 7]
    save(tmp_path, state(60), step=6, keep=1, evaluated=True, keep_evaluated=2)
    assert [value(found) for found in load_evaluated(tmp_path, 2)] == [4, 60]
    assert files(tmp_path) == MANIFESTS | {"step-4.pt", "step-6-2.pt"}


def test_a_damaged_evaluated_one_is_left_out_with_a_warning(tmp_path):
    for step in (1, 2, 3):
        save(tmp_path, state(step), step=step, evaluated=True, keep_evaluated=3)
    flip(tmp_path / "checkpoints" / "step-2.pt")
    warnings = []
    assert [value(found) for found in load_evaluated(tmp_path, 3, warnings.append)] == [1, 3]
    assert len(warnings) == 1 and "step-2.pt is damaged" in warnings[0]


def test_an_average_is_the_best_until_the_training_goes_on(tmp_path):
    save_all(tmp_path, 1, 2, best=1)
    weights = {"weight": torch.full((3, 5), 0.5)}
    for _ in range(2):
        save_average(tmp_path, weights, step=2)
        assert torch.equal(load_best(tmp_path)["model"]["weight"], weights["weight"])
        assert value(load_newest(tmp_path)) == 2
        assert [entry.averaged for entry in read_manifest(tmp_path)] == [False, False, True]
    save(tmp_path, state(3), step=3)
    assert value(load_best(tmp_path)) == 1
    assert files(tmp_path) == MANIFESTS | {"step-1.pt", "step-2.pt", "step-3.pt"}


def test_without_a_best_the_newest_is(tmp_path):
    save_all(tmp_path, 1, 2)
    assert value(load_best(tmp_path)) == 2


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, flip, zero, empty, Path.unlink])
def test_damaged_newest_falls_back_with_a_warning(tmp_path, damage):
    save_all(tmp_path, 3, 7)
    damage(tmp_path / "checkpoints" / "step-7.pt")
    warnings = []
    assert value(load_newest(tmp_path, warnings.append)) == 3
    assert len(warnings) == 1 and "step-7.pt" in warnings[0]


def test_damaged_best_falls_back_to_the_newest(tmp_path):
    save_all(tmp_path, 1, 2, 3, best=1)
    flip(tmp_path / "checkpoints" / "step-1.pt")
    assert value(load_best(tmp_path)) == 3


def test_none(tmp_path):
    assert find_newest(tmp_path) is None
    with pytest.raises(UserError, match="no checkpoint"):
        load_best(tmp_path)
    save_all(tmp_path, 3)
    zero(tmp_path / "checkpoints" / "step-3.pt")
    assert find_newest(tmp_path) is None
    with pytest.raises(UserError, match="no checkpoint"):
        load_newest(tmp_path)


DAMAGES = ["", "{", "[]", "{}", '{"schema": 1}', '{"schema": 1, "checkpoints": [{"a": 1}]}']


@pytest.mark.parametrize("text", DAMAGES)
def test_the_copy_stands_in_for_a_damaged_manifest(tmp_path, text):
    save_all(tmp_path, 3, 7)
    (tmp_path / "checkpoints" / MANIFEST).write_text(text)
    warnings = []
    assert value(load_newest(tmp_path, warnings.append)) == 7
    assert len(warnings) == 1 and "damaged: its copy stands in" in warnings[0]
    save(tmp_path, state(9), step=9)
    assert [entry.step for entry in read_manifest(tmp_path, pytest.fail)] == [7, 9]


@pytest.mark.parametrize("text", DAMAGES)
def test_both_manifests_damaged(tmp_path, text):
    save_all(tmp_path, 3)
    for name in MANIFESTS:
        (tmp_path / "checkpoints" / name).write_text(text)
    warnings = []
    assert find_newest(tmp_path, warnings.append) is None
    assert len(warnings) == 1 and "damaged: its checkpoints cannot be used" in warnings[0]
    checkpoint.remove_leftovers(tmp_path)
    assert "step-3.pt" in files(tmp_path)


def rewrite_manifest(directory: Path, **changes: object) -> None:
    """Change the newest entry as somebody would who knows how a manifest vouches for itself."""
    for name in MANIFESTS:
        path = directory / "checkpoints" / name
        content = json.loads(path.read_text())
        content["checkpoints"][-1] |= changes
        path.write_text(json.dumps(content | {"sha256": digest_of_manifest(content)}))


@pytest.mark.parametrize(
    "change", [{"step": 4}, {"best": True}, {"sha256": "0" * 64}, {"size": 5}, {"file": "step-3.pt"}]
)
def test_a_manifest_vouches_for_itself(tmp_path, change):
    save_all(tmp_path, 3, 7)
    for name in MANIFESTS:
        path = tmp_path / "checkpoints" / name
        content = json.loads(path.read_text())
        content["checkpoints"][-1] |= change
        path.write_text(json.dumps(content))
    assert find_newest(tmp_path) is None


@pytest.mark.parametrize("change", [{"step": "7"}, {"size": None}, {"best": 1}, {"schema": "1"}, {"more": 1}])
def test_a_manifest_of_other_types_is_damaged(tmp_path, change):
    save_all(tmp_path, 3)
    rewrite_manifest(tmp_path, **change)
    assert find_newest(tmp_path) is None


def test_a_newer_schema_is_refused(tmp_path):
    save_all(tmp_path, 3)
    rewrite_manifest(tmp_path, schema=SCHEMA + 1)
    with pytest.raises(UserError, match=rf"newer attnrun \(schema {SCHEMA + 1}"):
        load_newest(tmp_path)


def test_a_newer_manifest_is_refused(tmp_path):
    save_all(tmp_path, 3)
    content = {"schema": SCHEMA + 1, "checkpoints": {"in": "another form"}}
    text = json.dumps(content | {"sha256": digest_of_manifest(content)})
    (tmp_path / "checkpoints" / MANIFEST).write_text(text)
    with pytest.raises(UserError, match=r"manifest\.json was written by a newer attnrun"):
        load_newest(tmp_path)


@pytest.mark.parametrize("name", ["../step-3.pt", "/etc/passwd", "step-3.pt/..", "manifest.json", 3])
def test_a_manifest_names_nothing_outside(tmp_path, name):
    save_all(tmp_path, 3)
    (tmp_path / "step-3.pt").write_bytes((tmp_path / "checkpoints" / "step-3.pt").read_bytes())
    rewrite_manifest(tmp_path, file=name)
    assert find_newest(tmp_path) is None


def test_code_is_never_loaded(tmp_path):
    save(tmp_path, {"parts": {}, "path": Path("x")}, step=1)  # any object that is not plain data
    with pytest.raises(UserError, match=r"step-1\.pt holds more than tensors and plain values"):
        load_newest(tmp_path)


def test_what_is_no_training_is_not_loaded(tmp_path):
    save(tmp_path, {"model": {}}, step=1)
    with pytest.raises(UserError, match=r"step-1\.pt is no checkpoint of a training"):
        load_newest(tmp_path)


def test_a_packed_file_is_not_unpacked(tmp_path):
    path = save(tmp_path, {"parts": {"model": {"weight": torch.zeros(10**6)}}}, step=1)
    with zipfile.ZipFile(path) as stored:
        members = {name: stored.read(name) for name in stored.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    data = path.read_bytes()
    assert len(data) < 10**5
    rewrite_manifest(tmp_path, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    with pytest.raises(UserError, match="is no checkpoint of a training"):
        load_newest(tmp_path)


def test_a_step_saved_twice_never_lacks_a_valid_file(tmp_path):
    save(tmp_path, state(3), step=3)
    save(tmp_path, state(4), step=3)
    assert value(load_newest(tmp_path)) == 4
    assert files(tmp_path) == MANIFESTS | {"step-3.pt", "step-3-2.pt"}


def test_leftovers_are_removed(tmp_path):
    save_all(tmp_path, 3)
    for name in ("step-4.pt.tmp.123", "step-4.pt", f"{MANIFEST}.tmp.9"):
        (tmp_path / "checkpoints" / name).write_bytes(b"x")
    checkpoint.remove_leftovers(tmp_path)
    assert files(tmp_path) == MANIFESTS | {"step-3.pt"}


def test_a_failed_write_leaves_the_old_ones(tmp_path, monkeypatch):
    save_all(tmp_path, 3)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(
        OSError, match=r"cannot write .*step-4\.pt: No space .*[\d,]+ bytes wanted, [\d,]+ free"
    ):
        save(tmp_path, state(4), step=4)
    assert files(tmp_path) == MANIFESTS | {"step-3.pt"}
    assert value(load_newest(tmp_path)) == 3


@pytest.mark.parametrize("name", ["step-4.pt", MANIFEST, COPY])
def test_no_space_is_taken_by_what_does_not_count(tmp_path, monkeypatch, name):
    save_all(tmp_path, 3)
    replace = os.replace

    def full(source: Path, target: Path) -> None:
        if target.name == name:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match=f"cannot write .*{name}: No space"):
        save(tmp_path, state(4), step=4)
    counts = name == COPY  # by then the manifest names it
    assert files(tmp_path) == MANIFESTS | {"step-3.pt"} | ({"step-4.pt"} if counts else set())
    assert value(load_newest(tmp_path)) == (4 if counts else 3)
