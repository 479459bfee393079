"""`attnrun show` as a user calls it: terminal, pictures, arrays, any layer, head and step."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import Result

from attnrun.analysis.maps import AttentionMap
from attnrun.launch.config import compose
from attnrun.launch.job import execute
from attnrun.launch.trained import open_model
from tests.experiments.small import TINY, aligned_corpus

Cli = Callable[..., Result]
TEXT = "a k e"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with outputs/: a Transformer of 2 layers and 3 heads, and an RNN, of a few steps."""
    place = tmp_path_factory.mktemp("runs")
    corpus = aligned_corpus(place)
    small = [
        "model.size=12",
        "model.feedforward=16",
        "model.layers=2",
        "heads.count=3",
        "trainer.max_steps=2",
        "runtime.watch=false",
    ]
    for name, words in (("transformer", small), ("translation", TINY)):
        report = execute(compose(name, [*corpus, *words]), place / "outputs" / name / "one")
        assert report.status == "done", report.message
    return place


@pytest.fixture
def shown(cli: Cli, runs: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(runs)
    return lambda *words: cli("show", *words)


def test_the_terminal_shows_the_mean_or_each_head(shown: Cli) -> None:
    mean = shown("outputs/transformer/one", TEXT)
    assert mean.exit_code == 0 and mean.stdout.splitlines()[1].split() == ["a", "k", "e"]
    each = shown("outputs/transformer/one", TEXT, "--each")
    assert [line for line in each.stdout.splitlines() if line.startswith("layer")] == [
        f"layer {layer}, head {head}" for layer in range(2) for head in range(3)
    ]
    chosen = shown("outputs/transformer/one", TEXT, "--each", "--layer", "1", "--head", "2", "--head", "0")
    assert [line for line in chosen.stdout.splitlines() if line.startswith("layer")] == [
        "layer 1, head 2",
        "layer 1, head 0",
    ]
    sampled = shown("outputs/translation/one")
    assert sampled.stdout.count(" 0 ") == 3  # scales of three maps


def test_the_numbers_are_those_of_the_model(shown: Cli, runs: Path) -> None:
    expected = open_model(runs / "outputs/transformer/one").weights([TEXT])[0]
    (found,) = json.loads(shown("outputs/transformer/one", TEXT, "--json").stdout)["maps"]
    np.testing.assert_allclose(found["weights"], expected.weights, atol=1e-6)
    assert (found["keys"], found["title"]) == (["a", "k", "e"], TEXT)
    words = ["outputs/transformer/one", TEXT, "--json"]
    (one,) = json.loads(shown(*words, "-l", "1", "--head", "2").stdout)["maps"]
    np.testing.assert_allclose(one["weights"], expected.weights[1:, 2:], atol=1e-6)
    (row,) = json.loads(shown(*words, "--step", "1").stdout)["maps"]
    np.testing.assert_allclose(row["weights"], expected.weights[:, :, 1:2], atol=1e-6)
    assert row["queries"] == found["queries"][1:2]
    bars = shown("outputs/transformer/one", TEXT, "--step", "1").stdout
    assert "looks at" in bars and "█" in bars


def test_a_transformer_shows_what_each_side_has_of_itself(shown: Cli, runs: Path) -> None:
    (source,) = json.loads(shown("outputs/transformer/one", TEXT, "--of", "source", "--json").stdout)["maps"]
    (target,) = json.loads(shown("outputs/transformer/one", TEXT, "--of", "target", "--json").stdout)["maps"]
    assert source["queries"] == source["keys"] == ["a", "k", "e"]
    assert target["queries"] == target["keys"] and target["queries"][0] == "<bos>"
    weights = {side: np.array(one["weights"]) for side, one in (("source", source), ("target", target))}
    for side, found in weights.items():
        assert found.shape[:2] == (2, 3), side
        np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
    assert not np.triu(weights["target"], 1).any()  # no token sees one after it
    translator = open_model(runs / "outputs/transformer/one")
    model = translator.model.eval()
    ids = torch.tensor([translator.source.encode(TEXT)])
    with torch.no_grad():
        x, mask = model.encoder.embed(model.source_embedding, ids), None
        for layer in range(2):
            attention = model.encoder.layers[layer].self_attention
            read = attention.residual.before(x)
            _, by_hand = attention.attention(read, read, read, mask, need_weights=True)
            np.testing.assert_allclose(weights["source"][layer], by_hand[0], atol=1e-6)
            x, _ = model.encoder.layers[layer](x)
    refused = shown("outputs/translation/one", TEXT, "--of", "source")
    assert refused.exit_code == 2 and "no self-attention; choose a run of a Transformer" in refused.stderr


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.npz"])
def test_it_goes_to_the_file_that_is_asked_for(shown: Cli, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    result = shown("outputs/transformer/one", TEXT, "-o", str(path), "--each")
    assert result.exit_code == 0 and result.stdout == "" and f"written: {path}" in result.stderr
    if path.suffix == ".npz":
        assert AttentionMap.load(path).weights.shape[:2] == (2, 3)
    else:
        assert path.read_bytes().startswith(b"\x89PNG" if name.endswith("png") else b"<?xml")


def test_latest_is_named_where_a_run_that_is_not_done_began_later(
    cli: Cli, runs: Path, tmp_path: Path
) -> None:
    shutil.copytree(runs / "outputs/translation", tmp_path / "outputs/translation")
    words = ("show", "latest", "-o", "a.npz")
    assert cli(*words).stderr == "attnrun: written: a.npz\n"
    later = tmp_path / "outputs/sequence/later"
    later.mkdir(parents=True)
    (later / "config.yaml").write_text("seed: 1\n")
    (later / "run.json").write_text('{"started": "2999-01-01T00:00:00+00:00"}')
    assert cli(*words).stderr.splitlines() == [
        "attnrun: latest is outputs/translation/one, the newest that is done; "
        "outputs/sequence/later is interrupted",
        "attnrun: written: a.npz",
    ]
    assert "outputs/sequence/later is interrupted, not finished" in cli("show", str(later)).stderr


def test_without_an_input_the_file_holds_the_first_sample(shown: Cli, tmp_path: Path) -> None:
    result = shown("outputs/translation/one", "-o", str(tmp_path / "a.npz"))
    assert result.exit_code == 0, result.stderr
    first = json.loads(shown("outputs/translation/one", "--json").stdout)["maps"][0]
    found = AttentionMap.load(tmp_path / "a.npz")
    assert (found.title, found.keys) == (first["title"], first["keys"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--layer", "5"], "no layer 5; this model has 2, counted from 0"),
        (["--head", "3"], "no head 3; this model has 3, counted from 0"),
        (["--step", "99"], "no step 99; this map has "),
        (["-o", "a.gif"], "cannot draw 'a.gif': choose a name that ends in .png"),
        (["b", "-o", "a.png"], "--output holds one map: give one INPUT"),
    ],
)
def test_a_mistake_is_one_line(shown: Cli, words: list[str], message: str) -> None:
    result = shown("outputs/transformer/one", TEXT, *words)
    assert result.exit_code == 2 and message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_every_head_has_a_panel(hostile_map: AttentionMap) -> None:
    from attnrun.analysis.head_plots import head_grid
    from attnrun.analysis.plots import to_pixels

    figure = head_grid(hostile_map)
    assert len(figure.axes) == 6
    assert [axes.get_xlabel() for axes in figure.axes] == [
        f"layer {a}, head {b}" for a in (0, 1) for b in (0, 1, 2)
    ]
    for place, axes in enumerate(figure.axes):
        np.testing.assert_array_equal(axes.images[0].get_array(), hostile_map.head(*divmod(place, 3)))
    assert to_pixels(figure).std() > 1


@pytest.fixture
def hostile_map() -> AttentionMap:
    weights = np.random.default_rng(1).dirichlet(np.ones(3), size=(2, 3, 5)).astype(np.float32)
    return AttentionMap(["$x$", "\x1b[2J", "中文", "", "a" * 200], ["<b>", "\u202e", "$$"], weights, "[red]$")


def test_a_row_of_hostile_tokens_is_shown_literally(capsys: pytest.CaptureFixture[str]) -> None:
    from attnrun.cli.show import _print

    tokens = ["[/b]", "\x1b[31mred", "[red]x", "a"]
    weights = np.full((1, 1, 4, 4), 0.25, np.float32)
    for step in range(4):
        _print([AttentionMap(tokens, tokens, weights).row(step)], each=False, row=True, chosen=(None, None))
    printed = capsys.readouterr().out
    assert "\x1b" not in printed and "[/b]" in printed and "[red]x" in printed


def test_an_empty_or_unknown_output_is_shown_as_the_decoder_read_it(runs: Path) -> None:
    from types import SimpleNamespace

    translator = open_model(runs / "outputs/transformer/one")
    object.__setattr__(translator, "search", None)
    for tokens in ([], [translator.target.unk, 5, 5]):
        found = [SimpleNamespace(tokens=tokens, weights=None)]
        object.__setattr__(translator, "_search", lambda sources, need_weights, found=found: found)
        (one,) = translator.self_weights([TEXT], "target", None, None)
        assert one.queries == translator.target.labels([translator.target.bos, *tokens])
        assert one.weights.shape[2:] == (len(tokens) + 1,) * 2


def test_what_keeps_no_inputs_asks_for_one(cli: Cli, tmp_path: Path) -> None:
    assert execute(compose("nw-regression", ["trainer.max_steps=1"]), tmp_path / "run").status == "done"
    (kept,) = json.loads(cli("show", str(tmp_path / "run"), "--json").stdout)["maps"]
    assert len(kept["queries"]) == 3 and len(kept["keys"]) == 50
    (tmp_path / "run/samples/test.jsonl").unlink()
    result = cli("show", str(tmp_path / "run"))
    assert result.exit_code == 2 and "keeps no inputs to show; give INPUT" in result.stderr
    assert "looks at" in cli("show", str(tmp_path / "run"), "2.5", "--step", "0").stdout
