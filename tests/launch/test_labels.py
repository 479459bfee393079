"""Groups of runs are named by the words that a user would give for what tells them apart."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from attnrun.errors import UserError
from attnrun.launch.config import compose
from attnrun.launch.labels import label

SWEEPS = [
    ["attention=bahdanau", "attention=luong", "attention=general", "attention=none"],
    ["attention=dot", "attention=gaussian attention.width=3.0", "attention=gaussian attention.width=4.0"],
    ["trainer.epochs=2", "trainer.epochs=3"],
    ["optim=adam", "optim=sgd"],
    ["heads=multi heads.count=8", "heads=multi heads.count=4", "heads=single"],
    ["batch_size=32", "batch_size=64"],
    ["model=gru", "model=lstm"],
    ["normaliser=sparsemax mask=full", "normaliser=softmax mask=full", "normaliser=softmax mask=local-p"],
    ["label_smoothing=0.1 replace_unknown=true", "label_smoothing=0.0 replace_unknown=false"],
]


@cache
def composed(words: str) -> dict[str, Any]:
    return compose("translation", words.split())


def labels(configs: Sequence[dict[str, Any]], by: Sequence[str] = ()) -> list[str]:
    return [" ".join(sorted(one.words)) for one in label(configs, by)]


@pytest.mark.parametrize("sweep", SWEEPS, ids=" ".join)
def test_the_words_of_a_sweep_come_back(sweep: list[str]) -> None:
    found = labels([composed(words) for words in sweep])
    assert found == [" ".join(sorted(words.split())) for words in sweep]


def test_seeds_and_what_changes_no_figure_tell_nothing() -> None:
    plain = composed("attention=dot")
    trainer = plain["trainer"] | {"log_every": 7, "keep": 5}
    others = [{"seed": 4}, {"runtime": {"threads": 3}, "resume": "auto"}, {"trainer": trainer}]
    assert labels([plain, *(plain | other for other in others)]) == [""] * 4


def test_a_choice_that_is_set_otherwise_says_so() -> None:
    configs = [composed("attention=dot"), composed("attention=gaussian attention.width=3.0")]
    assert labels(configs) == ["attention=dot", "attention.width=3.0 attention=gaussian"]
    shown = [composed(f"attention={name} attention.hidden=32") for name in ("bahdanau", "concat")]
    assert labels(shown) == ["attention=bahdanau", "attention=concat"]  # as both have it


def test_a_choice_of_somebody_elses_is_told_by_what_it_calls() -> None:
    own = composed("attention=dot") | {"attention": {"_target_": "mine.Score", "width": 2}}
    assert labels([own, composed("attention=dot")]) == [
        "attention._target_=mine.Score attention.width=2",
        "attention=dot",
    ]


def test_choices_of_the_users_own_have_their_names(tmp_path: Path) -> None:
    (tmp_path / "attention").mkdir()
    (tmp_path / "attention/ours.yaml").write_text("# what: ours\n_target_: mine.Score\nwidth: 2\n")
    own = composed("attention=dot") | {"attention": {"_target_": "mine.Score", "width": 2}}
    found = label([own, composed("attention=dot")], config_dir=tmp_path)
    assert [one.words for one in found] == [("attention=ours",), ("attention=dot",)]


def test_groups_by_one_key_alone() -> None:
    configs = [
        composed(words)
        for words in ("model=gru attention=dot", "model=lstm attention=dot", "model=lstm attention=general")
    ]
    assert labels(configs, ["attention"]) == ["attention=dot", "attention=dot", "attention=general"]
    assert labels(configs, ["model"]) == ["model=gru", "model=lstm", "model=lstm"]
    assert labels(configs, ["trainer.epochs"]) == ["trainer.epochs=5"] * 3
    assert labels(configs[:1], ["attention"]) == ["attention=dot"]
    first, second, third = label(configs, ["attention"])
    assert first.rest != second.rest == third.rest
    assert labels(configs, ["model", "attention"])[2] == "attention=general model=lstm"


def test_what_a_recipe_sets_elsewhere_tells_nothing_more() -> None:
    configs = [composed(f"attention={name}") for name in ("luong", "general")]
    first, second = label(configs, ["attention"])
    assert (first.words, second.words) == (("attention=luong",), ("attention=general",))
    assert first.rest == second.rest == ()


def test_several_experiments_are_told_by_their_names() -> None:
    configs = [
        composed("attention=dot"),
        compose("transformer", []),
        compose("transformer", ["heads.count=2"]),
    ]
    assert labels(configs) == [
        "experiment=translation heads=single",
        "experiment=transformer heads.count=4 heads=multi",
        "experiment=transformer heads.count=2 heads=multi",
    ]


def test_keys_that_only_some_configs_have() -> None:
    plain = composed("attention=dot")
    older = {key: value for key, value in plain.items() if key != "replace_unknown"}
    assert labels([plain, older]) == ["replace_unknown=false", "~replace_unknown"]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("atention", "no config key 'atention' in these runs; did you mean 'attention'"),
        ("attention.heads", "no config key 'attention.heads'"),
        ("seed", "--by seed: seeds and "),
        ("runtime.threads", "--by runtime.threads: "),
    ],
)
def test_keys_that_make_no_groups(key: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        label([composed("attention=dot")], [key])


def test_configs_of_anything_are_told_apart() -> None:
    configs: list[dict[str, Any]] = [{"a": {"b": [1, {"c": 2}]}, "attention": 3}, {"a": None}, {}]
    assert labels(configs) == [
        'a.b=[1, {"c": 2}] attention=3 ~a',
        "a=null ~a.b ~attention",
        "~a ~a.b ~attention",
    ]
