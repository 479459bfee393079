"""The YAML files are the catalog: each says what it is, and declares every key that its code takes."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from attnrun.errors import UserError
from attnrun.launch import catalog
from attnrun.launch.config import check, compose, config_hash
from attnrun.launch.quoting import quote
from attnrun.launch.schema import fields_of, keywords_of
from attnrun.launch.targets import import_module, resolve

EXPERIMENTS = catalog.names("experiment")
CHOICES = [
    (group, name) for group in catalog.groups() if group != "experiment" for name in catalog.names(group)
]
FACTORIES = [
    (group, entry.name)
    for group in catalog.groups()
    for entry in catalog.entries(group)
    if "_target_: attn" in entry.path.read_text()
]


@pytest.mark.parametrize(("group", "name"), [*CHOICES, *(("experiment", name) for name in EXPERIMENTS)])
def test_every_choice_says_what_it_is(group: str, name: str) -> None:
    (entry,) = [entry for entry in catalog.entries(group) if entry.name == name]
    assert entry.what, f"{entry.path} opens with no `# what:` line"
    if group == "experiment":
        assert entry.source and entry.run and entry.takes and entry.gives, (
            f"{entry.path}: header is incomplete"
        )
        assert entry.run.startswith(f"attnrun train {name}"), entry.run


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_composes_checks_and_declares_all_its_keys(name: str) -> None:
    plain = _composed(name)
    plan = check(plain)
    assert plan.common.experiment == name
    _assert_same_keys(plan.module.Config, plain, {"experiment", "module", "resume", "seed", "runtime"})


@cache
def _composed(name: str) -> dict[str, Any]:
    """With the overrides of its smoke run, which give what the user must give."""
    (entry,) = [entry for entry in catalog.entries("experiment") if entry.name == name]
    return compose(name, entry.smoke.split())


def _assert_same_keys(schema: type, values: Mapping[str, Any], beside: set[str]) -> None:
    """A key that is declared but not in the YAML could not be overridden without a plus sign."""
    assert set(values) - beside == set(fields_of(schema))
    for key, hint in get_type_hints(schema).items():
        if is_dataclass(hint):
            assert isinstance(hint, type)
            _assert_same_keys(hint, values[key], set())


@pytest.mark.parametrize(("group", "name"), FACTORIES)
def test_every_factory_yaml_lists_exactly_the_keys_that_its_code_takes(group: str, name: str) -> None:
    from omegaconf import OmegaConf

    (entry,) = [entry for entry in catalog.entries(group) if entry.name == name]
    node = OmegaConf.to_container(OmegaConf.load(entry.path))
    assert isinstance(node, dict)
    node = node.get(group, node)  # of a recipe, its own
    declared = keywords_of(resolve(node.pop("_target_"), group))
    assert set(node) == set(declared)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_module_keeps_the_contract(name: str) -> None:
    module = import_module(_composed(name)["module"], "module")
    assert is_dataclass(module.Config)
    assert module.PRIMARY[1] in ("min", "max")
    assert callable(module.train)


def test_the_hash_ignores_where_and_how_fast_and_nothing_else() -> None:
    base = compose("nw-regression", [])
    same = compose("nw-regression", ["runtime.threads=1", "trainer.keep=7", "trainer.log_every=3"])
    assert config_hash(base) == config_hash(same)
    for other in [
        "seed=1",
        "trainer.max_steps=3",
        "attention=boxcar",
        "data.noise=0.4",
        "leave_own_out=false",
    ]:
        assert config_hash(compose("nw-regression", [other])) != config_hash(base), other


def test_the_hash_is_of_what_the_files_hold(tmp_path: Path) -> None:
    def of(path: str, **others: str) -> str:
        return config_hash({"corpus": {"path": path, **others}})

    for name in ("a.txt", "b.txt", "pair.en", "pair.fr", "pair.de"):
        (tmp_path / name).write_text(name[0])
    first, pair = str(tmp_path / "a.txt"), str(tmp_path / "pair")
    before = of(first), of(pair, source="en", target="fr"), of(str(tmp_path), source="en", target="fr")
    assert of(str(tmp_path / "b.txt")) != before[0] != of(str(tmp_path / "none.txt"))
    (tmp_path / "b.txt").write_text("a")
    (tmp_path / "pair.de").write_text("of no concern")
    assert of(str(tmp_path / "b.txt")) == before[0]
    assert of(pair, source="en", target="fr") == before[1] != of(pair, source="fr", target="en")
    (tmp_path / "pair.fr").write_text("changed")
    assert of(pair, source="en", target="fr") != before[1]
    assert of(str(tmp_path), source="en", target="fr") != before[2]
    (tmp_path / "gold").write_text("0-0")
    gold = of(first, alignments=str(tmp_path / "gold"))
    (tmp_path / "gold").rename(tmp_path / "moved")
    assert of(first, alignments=str(tmp_path / "moved")) == gold
    (tmp_path / "moved").write_text("0-1")
    assert of(first, alignments=str(tmp_path / "moved")) != gold


@pytest.mark.parametrize(
    "text",
    ["plain.tsv", "it's", 'a "b"', "${oc.env:HOME}", r"\${x}", "a,b=[c]{d}", "back\\", "\\'", "$$", "é ￭"],
)
def test_a_quoted_text_arrives_as_it_is(text: str) -> None:
    plain = compose("translation", ["corpus=tsv", f"corpus.path={quote(text)}"])
    assert plain["corpus"]["path"] == text


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.max_step=3", "no config key 'trainer.max_step'; did you mean 'trainer.max_steps'?"),
        ("tainer.max_steps=3", "no config key 'tainer.max_steps'; did you mean 'trainer.max_steps'?"),
        ("attention=gausian", "no choice of 'attention' named 'gausian'; did you mean 'gaussian'?"),
        ("corpus=phrases", "experiment 'nw-regression' takes no 'corpus'; it takes: attention, data"),
        ("sead=1", "no config key 'sead'; did you mean 'seed'?"),
        ("seed", "cannot read the override 'seed'; expected KEY=VALUE"),
        ("seed=[1", "cannot read the override 'seed=[1'"),
        ("optim.lr=${nope}", "config key 'optim.lr'"),
        ("attention＝dot", "cannot read the override 'attention＝dot': '＝' is not the sign '='; expected"),
        ("–m", "cannot read the override '–m': '–' is not the sign '-'; expected"),
        ("attention=8", "'attention=8': 'attention' takes the name of a choice"),
    ],
)
def test_a_bad_override_is_one_line_with_the_nearest_choice(override: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        compose("nw-regression", [override])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "override", ["+trainer.max_step=3", "++trainer.max_step=3", "+nope=1", "++attention.nope=2"]
)
def test_an_undeclared_key_is_refused_even_when_forced(override: str) -> None:
    with pytest.raises(UserError, match="no config key"):
        check(compose("nw-regression", [override]))
