"""`attnrun export`: models for other engines."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from attnrun.cli.app import app
from attnrun.launch.trained import open_model

pytestmark = pytest.mark.usefixtures("blank_pictures")
Cli = Callable[..., Result]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small Transformer."""
    run = tmp_path_factory.mktemp("trained") / "run"
    words = [
        "train",
        "transformer",
        "corpus.limit=60",
        "corpus.held_out=20",
        "trainer.max_steps=2",
        "model.tied=true",
        "seed=5",
        "runtime.watch=false",
    ]
    result = CliRunner().invoke(app, [*words, f"hydra.run.dir={run}"], prog_name="attnrun")
    assert result.exit_code == 0, result.output
    return run


def test_safetensors_hold_the_weights(cli: Cli, trained: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_model

    result = cli("export", str(trained), "--to", "safetensors", "--output", str(tmp_path / "out"), "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["files"] == ["model.safetensors"]
    model, loaded = open_model(trained).model, open_model(trained).model
    with torch.no_grad():
        for weight in loaded.parameters():
            weight.zero_()
    load_model(loaded, tmp_path / "out/model.safetensors")
    assert all(
        torch.equal(one, other) for one, other in zip(model.parameters(), loaded.parameters(), strict=True)
    )


def test_the_command_writes_into_the_run_and_never_over(cli: Cli, trained: Path) -> None:
    result = cli("export", str(trained), "--to", "ctranslate2")
    assert result.exit_code == 0, result.stderr
    assert (trained / "export/ctranslate2/model.bin").exists()
    assert "ctranslate2.Translator" in result.stdout
    again = cli("export", str(trained), "--to", "ctranslate2")
    assert again.exit_code == 2 and "is there already" in again.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "onxx"], "no format 'onxx'; did you mean 'onnx'"),
        (["--to", "ctranslate2", "-o", "{run}/config.yaml"], "is there already"),
    ],
)
def test_mistakes(cli: Cli, trained: Path, words: list[str], said: str) -> None:
    result = cli("export", str(trained), *(word.replace("{run}", str(trained)) for word in words))
    assert result.exit_code == 2 and said in result.stderr


def test_without_the_library_the_extra_is_named(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    result = cli("export", str(trained), "--to", "ctranslate2", "-o", "other")
    assert result.exit_code == 2
    assert "pip install 'attnrun[export]'" in result.stderr


def test_translate_on_ctranslate2_says_the_same(cli: Cli, trained: Path) -> None:
    words = ["translate", "--run", str(trained), "--search", "beam", "--n-best", "2", "--json"]
    texts = ["Go home.", "Who is it?", "She eats bread."]
    ours, theirs = (cli(*words, "--engine", engine, *texts) for engine in ("attnrun", "ctranslate2"))
    assert ours.exit_code == theirs.exit_code == 0, theirs.stderr
    wanted, found = (json.loads(result.stdout)["translations"] for result in (ours, theirs))
    assert [one["translation"] for one in found] == [one["translation"] for one in wanted]
    assert "weights" in wanted[0] and "weights" not in found[0]
    assert "no attention weights" in theirs.stderr
    assert (trained / "export/ctranslate2/model.bin").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "ctranslate"], "no engine 'ctranslate'; did you mean 'ctranslate2'?"),
        (["--engine", "ctranslate2", "--run", "{run}"], "runs one model; give one --run"),
        (["--engine", "ctranslate2", "--search", "sample"], "searches greedily or by beam"),
    ],
)
def test_engines_that_cannot(cli: Cli, trained: Path, words: list[str], said: str) -> None:
    given = [word.replace("{run}", str(trained)) for word in words]
    result = cli("translate", "--run", str(trained), *given, "Go home.")
    assert result.exit_code == 2 and said in result.stderr
