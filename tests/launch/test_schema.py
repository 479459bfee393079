"""Configs become typed values, or one line that says what is wrong with them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from attnrun.errors import UserError
from attnrun.launch.schema import build
from attnrun.launch.targets import resolve
from attnrun.ranges import PositiveInt, Probability


@dataclass(frozen=True)
class Inner:
    steps: PositiveInt = 5
    mode: Literal["stop", "skip"] = "stop"
    limit: PositiveInt | None = None
    share: float | None = None


@dataclass(frozen=True)
class Outer:
    score: Callable[..., Any]
    name: str = "x"
    dropout: Probability = 0.1
    inner: Inner = field(default_factory=Inner)
    other: Callable[..., Any] | None = None


ADDITIVE = {"_target_": "attnrun.attention.Additive", "hidden": 7}
COSINE = {"_target_": "attnrun.attention.Cosine"}


def test_values_come_out_typed() -> None:
    made = build(
        Outer,
        {"score": ADDITIVE, "name": 3, "inner": {"steps": "11", "limit": None}, "other": {"_target_": None}},
    )
    assert (made.name, made.inner, made.other) == ("3", Inner(steps=11), None)
    assert made.score(2, 3).v.in_features == 7


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"score": ADDITIVE, "droput": 0.2}, "no config key 'droput'; did you mean 'dropout'?"),
        (
            {"score": ADDITIVE, "inner": {"step": 2}},
            "no config key 'inner.step'; did you mean 'inner.steps'?",
        ),
        ({"score": {**ADDITIVE, "hiden": 2}}, "no config key 'score.hiden'; did you mean 'score.hidden'?"),
        ({"score": {**ADDITIVE, "query_size": 2}}, "no config key 'score.query_size'"),
        ({"score": ADDITIVE, "dropout": 1.0}, "dropout=1.0: the value must be less than 1"),
        ({"score": ADDITIVE, "inner": {"steps": -3}}, "inner.steps=-3: the value must be greater than 0"),
        (
            {"score": ADDITIVE, "inner": {"steps": "many"}},
            "inner.steps=many: the value must be a valid integer",
        ),
        (
            {"score": ADDITIVE, "inner": {"mode": "halt"}},
            "inner.mode=halt: the value must be 'stop' or 'skip'",
        ),
        ({"score": {**ADDITIVE, "hidden": 0}}, "score.hidden=0: the value must be greater than 0"),
        ({"score": COSINE | {"strength": "inf"}}, "score.strength=inf: the value must be a finite number"),
        ({"score": COSINE | {"strength": ".nan"}}, "score.strength=.nan: the value must be a valid number"),
        ({"score": COSINE | {"strength": math.nan}}, "score.strength=nan: the value must be a finite number"),
        ({"score": ADDITIVE, "inner": {"share": -math.inf}}, "inner.share=-inf: the value must be a finite"),
        ({"score": "additive"}, "score: expected a choice of the group 'score', not 'additive'"),
        ({"score": {"_target_": None}}, "score: this experiment cannot do without it"),
        ({}, "config key 'score' has no value; give one: score=…"),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        build(Outer, values)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.Popen",
        "builtins.eval",
        "attnrun.runs.files.Path",
        "attnrun.runs.files.os",
        "attnrun.attention.torch",
        "attnrun.runs.run._checked",
        "attnrunner.evil",
    ],
)
def test_a_config_names_no_code_outside_attnrun(target: str) -> None:
    with pytest.raises(UserError):
        resolve(target, "attention._target_")


def test_trust_opens_one_module_and_no_other() -> None:
    assert resolve("json.dumps", "key", trust=("json",))("x") == '"x"'
    with pytest.raises(UserError, match="add --trust jsonschema"):
        resolve("jsonschema.validate", "key", trust=("json",))


def test_a_mistyped_target_gets_a_suggestion() -> None:
    with pytest.raises(UserError, match="did you mean 'Additive'"):
        resolve("attnrun.attention.Aditive", "attention._target_")
