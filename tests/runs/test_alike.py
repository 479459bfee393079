"""The configs of many runs read with what they share parsed once: the same as each read alone."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from attnrun.errors import UserError
from attnrun.runs.alike import Configs
from attnrun.runs.find import RunRecord

PLAIN = {
    "experiment": "nw",
    "seed": 1,
    "names": ["é", 1, {"deep": [None, True]}],
    "text": "of several\nlines: and\n- a dash, " + "x " * 90,
    "optim": {"lr": 0.25, "warm": None, "note": "key: 'value'  # no comment"},
    "empty": {},
    "from": "a&b *c",
}


def made(place: Path, text: str) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    (place / "config.yaml").write_text(text)
    return place


def test_runs_are_read_as_each_alone(tmp_path: Path) -> None:
    configs = Configs()
    for seed in range(7):
        values: dict[str, Any] = PLAIN | {"seed": seed, "optim": {"lr": seed / 4}}
        run = made(tmp_path / f"{seed}", yaml.safe_dump(values, sort_keys=seed % 2 == 0, allow_unicode=True))
        assert configs.read(run) == RunRecord(run).config == values


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1}\nc: *x\n",
        "a: 'over\n\n  lines'\nb: \"\\\n  x\"\n",
        "{a: 1, b: [2]}\n",
        "---\na: 1\nb:\n- 1\n- 2\n",
        "# a comment\na: 1 # another\nb: 2\n",
        "a: 1\n'b c': 2\na: 3\n",
        "a: [1,\nb: 2]\n",
        "a: 'x\nb: y'\n",
        "a: {b: 1,\nc: 2}\n",
        "a: |\n  b: 1\n  c: 2\nd: >-\n  e\n",
        "a: ${b}\nb: 1\n",
    ],
)
def test_any_yaml_gives_what_it_gives_alone(tmp_path: Path, text: str) -> None:
    run = made(tmp_path, text)
    try:
        expected = RunRecord(run).config
    except UserError as error:
        with pytest.raises(UserError) as raised:
            Configs().read(run)
        assert str(raised.value) == str(error)
    else:
        assert Configs().read(run) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: [",
        "a: 1\nb: {",
        "a: !!python/name:os.system ''\n",
        "a: ${oc.env:HOME}\n",
        "a: 2024-01-01\n",
        "- 1\n",
        "\ud800",
        "a: 1\n" * 200_000,
        "a: " + "[" * 500,
        "a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
        + "d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n",
    ],
    ids=str,
)
def test_what_is_refused_alone_is_refused_here(tmp_path: Path, text: str) -> None:
    run = made(tmp_path / "run", "a: 1\n")
    (run / "config.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    configs = Configs()
    configs.read(made(tmp_path / "other", "a: 1\n"))
    with pytest.raises(UserError) as alone:
        _ = RunRecord(run).config
    with pytest.raises(UserError) as raised:
        configs.read(run)
    assert str(raised.value) == str(alone.value)


def test_a_link_out_of_the_run_is_refused(tmp_path: Path) -> None:
    run = made(tmp_path / "run", "a: 1\n")
    (run / "log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="link out of the run"):
        Configs().read(run)


def test_a_link_that_leads_round_in_a_circle_does_no_harm(tmp_path: Path) -> None:
    run = made(tmp_path / "run", "a: 1\n")
    (run / "round").symlink_to("round")
    assert Configs().read(run) == RunRecord(run).config == {"a": 1}
