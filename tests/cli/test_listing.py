"""`attnrun list --matrix`: what runs where, and why the rest cannot."""

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from attnrun.launch import catalog, matrix

Cli = Callable[..., Result]


@pytest.fixture(autouse=True, scope="module")
def tried_once() -> Iterator[None]:
    """Try the choices of a group once: what can be does not change from one call to the next."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrix, "reasons", functools.cache(matrix.reasons))
        yield


def _document(cli: Cli, *words: str) -> Any:
    result = cli("list", *words, "--matrix", "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.slow
def test_the_document_has_a_cell_for_each_mechanism_and_task(cli: Cli, tmp_path: Path) -> None:
    document = _document(cli)
    assert {"nw-regression", "sequence", "translation"} <= set(document["tasks"])
    assert not [name for name in document["tasks"] if "textbook" in name or "multi30k" in name]
    assert list(document["mechanisms"]) == catalog.names("attention")
    for row in document["mechanisms"].values():
        assert list(row) == document["tasks"]
        for cell in row.values():
            assert cell == {"runs": True} or (not cell["runs"] and cell["reason"])
    assert document["mechanisms"]["gaussian"]["nw-regression"] == {"runs": True}
    assert document["mechanisms"]["bahdanau"]["translation"] == {"runs": True}
    assert "cannot do without" in document["mechanisms"]["none"]["nw-regression"]["reason"]
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_table_says_the_same_and_each_reason_once(cli: Cli) -> None:
    document = _document(cli, "mask")
    shown = cli("list", "mask", "--matrix").stdout
    table, _, below = shown.partition("classification: ")
    for name, row in document["mechanisms"].items():
        lines = [line.split() for line in table.splitlines() if line.split()[:1] == [name]]
        signs = [sign for line in lines for sign in line[1:]]  # of as many tables as the width needs
        assert signs == ["✓" if row[task]["runs"] else "✗" for task in document["tasks"]]
    found = {
        cell["reason"] for row in document["mechanisms"].values() for cell in row.values() if "reason" in cell
    }
    assert found
    for reason in found:
        assert " ".join(below.split()).count(reason) == 1
    assert "✗ block, window (sequence, summarisation, translation)" in below


@pytest.mark.parametrize("columns", ["80", "200"])
def test_the_table_fits_a_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert max(map(len, cli("list", "mask", "--matrix").stdout.splitlines())) <= int(columns)


def test_letters_stand_for_signs_where_the_output_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from attnrun.cli.app import app

    runner = CliRunner(charset="latin-1")
    shown = runner.invoke(app, ["list", "mask", "--matrix"]).stdout_bytes.decode("ascii")
    assert "yes" in next(line for line in shown.splitlines() if "local-m" in line)


@pytest.mark.slow
def test_choices_and_tasks_of_ones_own_have_a_row_and_a_column(cli: Cli, tmp_path: Path) -> None:
    for group in ("attention", "experiment"):
        (tmp_path / group).mkdir()
    (tmp_path / "attention/half.yaml").write_text("_target_: attnrun.attention.Boxcar\nwidth: 0.5\n")
    (tmp_path / "attention/foreign.yaml").write_text("_target_: json.dumps\n")
    (tmp_path / "experiment/mine.yaml").write_text(
        "# @package _global_\n# task: my own\ndefaults:\n  - nw-regression\n  - _self_\n"
        "attention:\n  width: 2.0\n"
    )
    document = _document(cli, "--config-dir", str(tmp_path))
    assert "mine" in document["tasks"]
    assert document["mechanisms"]["half"]["mine"] == {"runs": True}
    assert document["mechanisms"]["dot"]["mine"]["reason"] == (
        "experiment 'mine' sets attention.width for another choice of attention; "
        "leave it out by ~attention.width"
    )
    reason = document["mechanisms"]["foreign"]["sequence"]["reason"]
    assert "--trust json" in reason
    trusted = _document(cli, "--config-dir", str(tmp_path), "--trust", "json")
    assert trusted["mechanisms"]["foreign"]["sequence"]["reason"] != reason


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["optim", "--matrix"], "--matrix is for the parts of a mechanism: attention, normaliser"),
        (["atention", "--matrix"], "did you mean 'attention'?"),
        (["--trust", "json"], "--trust lets code run, which a list without --matrix does not do"),
    ],
)
def test_a_mistake_is_one_line(cli: Cli, words: list[str], message: str) -> None:
    result = cli("list", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr and len(result.stderr.splitlines()) == 1


def test_the_list_shows_every_part_of_a_mechanism_and_points_to_the_matrix(cli: Cli) -> None:
    shown = cli("list").stdout
    for name in ("local-p", "multi-query", "sparsemax", "rotary"):
        assert name in shown
    assert shown.splitlines()[-1].endswith("attnrun list --matrix")


@pytest.mark.parametrize("columns", [60, 100, 300])
def test_the_list_fits_a_terminal_and_leaves_nothing_out(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, columns: int
) -> None:
    (tmp_path / "attention").mkdir()
    wide = "注意" * 40  # two cells a letter, and no space to break at
    (tmp_path / "attention/wide.yaml").write_text(f"# what: {wide}\n# source: \x1b[31m[red]\n")
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = cli("list", "attention", "--config-dir", str(tmp_path)).stdout
    assert max(map(cell_len, shown.splitlines())) <= columns
    table = [line for line in shown.splitlines() if line]
    what = table[0].index("what it is")
    names = [line[:what].strip() for line in table[2:] if line[:what].strip()]
    assert names == catalog.names("attention", tmp_path)
    one_row = "".join(shown.split())
    assert wide in one_row.replace("\\x1b[31m[red]", "") and "\x1b" not in shown
    for entry in catalog.entries("attention"):
        assert set(entry.what.split()) | set(entry.source.split()) <= set(shown.split())
