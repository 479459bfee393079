"""`attnrun reproduce`: sections of a textbook."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from attnrun.claims import sections
from attnrun.claims.catalog import ReadClaim
from attnrun.claims.measuring import Measured, measure
from attnrun.claims.sections import find_section, read_sections
from attnrun.errors import UserError
from attnrun.launch.config import check, compose

Cli = Callable[..., Result]
SECTIONS = [one.section.en for one in read_sections()]


def test_the_sections_are_listed_in_their_order(cli: Cli) -> None:
    listed = json.loads(cli("reproduce", "--json").stdout)
    assert [one["en"] for one in listed] == [f"11.{number}" for number in range(1, 9)]
    assert [one["zh"] for one in listed] == [*(f"10.{number}" for number in range(1, 8)), ""]
    assert "Nadaraya-Watson" in cli("reproduce").stdout


def test_either_edition_numbers_a_section() -> None:
    assert find_section("10.4") == find_section("11.4")


@pytest.mark.parametrize("number", ["10.9", "", "x"])
def test_another_number_is_a_mistake(cli: Cli, number: str) -> None:
    result = cli("reproduce", number)
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    assert f"no section {number!r}" in result.stderr


@pytest.mark.parametrize("one", read_sections(), ids=lambda one: one.section.en)
def test_the_trainings_of_a_section_compose_in_both_forms(one) -> None:
    for training in one.section.trainings:
        for words in (training.words.split(), [*training.words.split(), *training.fast.split()]):
            check(compose(words[0], words[1:]))


def test_a_section_has_what_is_printed_beside_ours(cli: Cli, tmp_path: Path) -> None:
    result = cli("reproduce", "10.2", "--fast")
    assert result.exit_code == 0, result.stderr
    assert "test_mse_learned" in result.stdout and "0.061" in result.stdout
    assert "in full: attnrun reproduce 10.2" in result.stderr
    assert "own-key" in result.stdout and "attnrun train nw-regression data=mcycle" in result.stdout
    document = json.loads(cli("reproduce", "11.2", "--fast", "--json").stdout)
    (training,) = document["trainings"]
    assert training["metrics"]["test_mse_gaussian"]["published"] == 0.439
    assert 0.2 < training["metrics"]["test_mse_gaussian"]["mean"] < 0.7
    assert len(list(tmp_path.glob("outputs/nw-regression-textbook/claims/*/result.json"))) == 1


def test_what_cannot_be_measured_is_named_and_the_rest_is_there(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(one: ReadClaim, fast: bool) -> Measured:
        if one.name == "own-key":
            raise UserError("no way to the corpus")
        return measure(one, fast)

    monkeypatch.setattr(sections, "measure", fail)
    result = cli("reproduce", "10.2", "--fast", "--json")
    assert result.exit_code == 1 and result.stderr.splitlines()[-1] == "attnrun: not measured: own-key"
    assert "own-key: no way to the corpus" in result.stderr
    document = json.loads(result.stdout)
    assert [one["claim"] for one in document["claims"]] == [
        "learned-width",
        "nearer-weighs-more",
        "consistency",
    ]
    assert document["trainings"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_section_runs_in_its_fast_form(cli: Cli, corpora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTNRUN_DATA", str(corpora))
    document = json.loads(cli("reproduce", "11.8", "--fast", "--json").stdout)
    assert document["claims"] and all(one["metrics"] for one in document["trainings"])
