"""What cannot run is refused before there is a run directory, by the choice that is to blame."""

from pathlib import Path

import pytest

from attnrun.errors import UserError
from attnrun.launch.bridge import launch
from attnrun.launch.config import check, compose
from attnrun.launch.job import execute

# An experiment of one's own, as small as the contract lets it be; its check refuses some numbers.
PICKY = """
from dataclasses import dataclass
from attnrun.errors import UserError
PRIMARY = ("answer", "max")
@dataclass
class Config:
    number: int = 1
def check(config):
    if config.number == 2:
        raise UserError("number: two is too many; choose 1")
    if config.number == 3:
        raise ValueError("three")
def train(config, run):
    return {"answer": float(config.number)}
"""


@pytest.fixture
def picky(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/picky_experiment.py").write_text(PICKY)
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    (tmp_path / "mine/experiment").mkdir(parents=True)
    (tmp_path / "mine/experiment/picky.yaml").write_text(
        "# @package _global_\n# task: a number\ndefaults:\n  - /runtime: default\n  - _self_\n"
        "module: picky_experiment\nnumber: 1\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (2, "number: two is too many; choose 1"),
        (3, "experiment 'picky' cannot be built: ValueError: three"),
    ],
)
def test_what_the_experiment_refuses_leaves_no_directory(picky: Path, number: int, message: str) -> None:
    place = picky / "outputs/run"
    words = [f"number={number}", f"hydra.run.dir={place}"]
    (report,) = launch("picky", words, trust=("picky_experiment",), config_dir=picky / "mine")
    assert (report.status, report.exit_code, report.message) == ("refused", 2, message)
    assert not (picky / "outputs").exists()


def test_what_the_experiment_accepts_runs(picky: Path) -> None:
    words = [f"hydra.run.dir={picky / 'outputs/run'}"]
    (report,) = launch("picky", words, trust=("picky_experiment",), config_dir=picky / "mine")
    assert (report.status, report.primary) == ("done", 1.0)


@pytest.mark.parametrize(
    ("experiment", "words", "message"),
    [
        (
            "translation",
            ["attention=luong", "model=transformer"],
            "attention 'luong' is a recipe: it sets model.attend, model.input_feeding, which model "
            "'transformer' does not take; choose model=gru or model=lstm or attention=general",
        ),
        (
            "nw-regression",
            ["attention=luong"],
            "attention 'luong' is a recipe: it sets model.attend, model.input_feeding, which experiment "
            "'nw-regression' does not take; choose attention=general",
        ),
        (
            "transformer-textbook",
            ["attention=luong"],
            "attention 'luong' is a recipe: it sets model.attend, model.input_feeding, which the model of "
            "experiment 'transformer-textbook' does not take; choose attention=general",
        ),
        (
            "translation",
            ["attention=luong", "model=word-by-word"],
            "which model 'word-by-word' does not take; choose model=gru or model=lstm",
        ),
        (
            "transformer",
            ["attention=luong", "mask=window", "heads=single", "position=alibi"],
            "does not take; choose attention=general",
        ),
        ("translation", ["attention=luong", "+model.atend=after"], "did you mean 'model.attend'?"),
    ],
)
def test_a_recipe_that_does_not_fit_is_named(experiment: str, words: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        check(compose(experiment, words), overrides=words)
    assert str(caught.value).endswith(message)
    advice = str(caught.value).partition("; choose ")[2]
    for better in advice.split(" or ") if advice else ():
        check(compose(experiment, [*words, better])).require_fit()


@pytest.mark.parametrize("experiment", ["nw-regression", "sequence", "translation"])
@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("attnrun.attention.Dot", "UserError: attention 'dot' needs"),
        ("attnrun.attention.as_mask", "TypeError: "),
        ("own_normalisers.rows", "of shape (1, 3) it makes (1,)"),
        ("own_normalisers.nothing", "of shape (1, 3) it makes NoneType"),
    ],
)
def test_what_is_no_normaliser_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, experiment: str, target: str, reason: str
) -> None:
    own = (
        "def rows(scores, mask=None):\n    return scores.sum(-1)\ndef nothing(scores, mask=None):\n    pass\n"
    )
    (tmp_path / "own_normalisers.py").write_text(own)
    monkeypatch.syspath_prepend(str(tmp_path))
    plain = compose(experiment, [f"normaliser._target_={target}"])
    report = execute(plain, tmp_path / "run", trust=("own_normalisers",))
    assert (report.status, report.exit_code) == ("refused", 2)
    assert report.message.startswith(f"normaliser._target_: {target} makes no weights of scores: {reason}")
    assert report.message.endswith("; choose one that does, such as normaliser=softmax")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["compose", "launch"])
def test_several_values_are_for_a_sweep(command: str) -> None:
    with pytest.raises(UserError) as caught:
        {"compose": compose, "launch": launch}[command]("nw-regression", ["seed=1,2"])
    assert str(caught.value) == (
        "'seed=1,2' names several values; attnrun train -m runs each, and for one list write seed=[…]"
    )


@pytest.mark.parametrize(
    ("score", "better"),
    [("Cosine", "attention=cosine"), ("Boxcar", "another attention")],  # the latter reaches no key there
)
def test_a_recipe_of_ones_own_is_named(tmp_path: Path, score: str, better: str) -> None:
    (tmp_path / "attention").mkdir()
    (tmp_path / "attention/mine.yaml").write_text(
        f"# @package _global_\nreduction: sum\nattention:\n  _target_: attnrun.attention.{score}\n"
    )
    (tmp_path / "attention/broken.yaml").write_text("a: [b")
    check(compose("nw-regression", ["attention=mine"], tmp_path), (), ["attention=mine"], tmp_path)
    with pytest.raises(UserError) as caught:
        check(compose("sequence", ["attention=mine"], tmp_path), (), ["attention=mine"], tmp_path)
    assert str(caught.value) == (
        "attention 'mine' is a recipe: it sets reduction, which experiment 'sequence' does not take; "
        f"choose {better}"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [c", "attention/mine.yaml:3: did not find expected ',' or ']'"),
        ("a: \x01", "attention/mine.yaml: "),
        ("- a\n- b\n", "attention/mine.yaml holds no keys"),
    ],
)
def test_a_config_that_is_no_config_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "attention").mkdir()
    (tmp_path / "attention/mine.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        check(compose("nw-regression", ["attention=mine"], tmp_path))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_group_that_the_experiment_lacks_cannot_be_left_out() -> None:
    with pytest.raises(UserError, match="experiment 'nw-regression' takes no 'corpus'; it takes: attention"):
        compose("nw-regression", ["~corpus"])
