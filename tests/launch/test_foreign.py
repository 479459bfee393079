"""Configs of strangers: they run no code, read no secret, and cannot exhaust the machine."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from attnrun.errors import UserError
from attnrun.launch.bridge import launch
from attnrun.launch.config import check, compose
from attnrun.launch.matrix import reasons

pytestmark = pytest.mark.usefixtures("blank_pictures")
SECRET = "s3cr3t-of-the-environment"
TARGET = "{_target_: canary.fire}"
LOGGING = "{version: 1, handlers: {x: {class: canary.fire}}, root: {handlers: [x]}}"
GLOBAL = "# @package _global_\n"


@pytest.fixture
def fired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module that leaves a file behind where it is imported, and where it is called."""
    trace = tmp_path / "fired"
    code = f"import pathlib\ndef fire(*_, **__):\n    pathlib.Path({str(trace)!r}).touch()\nfire()\n"
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/canary.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    monkeypatch.setenv("ATTNRUN_TEST_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)
    yield trace
    sys.modules.pop("canary", None)


def own(root: Path, **files: str) -> Path:
    """A config directory with these files; `__` in a name stands for a slash."""
    for name, text in files.items():
        path = root / "own" / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root / "own"


def refused(words: list[str], config_dir: Path | None = None, flags: tuple[str, ...] = ()) -> str:
    """The one line with which a run of these words is refused, before there is a directory of it."""
    with pytest.raises(UserError) as caught:
        reports = launch("nw-regression", ["trainer.max_steps=1", *words], flags, config_dir=config_dir)
        raise UserError(" / ".join(report.message for report in reports if report.status == "refused"))
    assert not list(Path("outputs").rglob("config.yaml"))
    assert str(caught.value) and "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "words",
    [
        ["+hydra.callbacks.x._target_=canary.fire"],
        [f"++hydra.callbacks={{x:{TARGET}}}"],
        [f"++hydra={{callbacks:{{x:{TARGET}}}}}"],
        [f"+foo={TARGET}", "+hydra.callbacks.x=${foo}"],
        ["+hydra.callbacks.x._target_=${foo}", "+foo=canary.fire"],
        ["hydra.launcher._target_=canary.fire", "-m"],
        [f"+hydra.launcher.y={TARGET}", "-m"],
        [f"+hydra.sweeper.params.y={TARGET}", "-m"],
        ["hydra.sweeper._target_=canary.fire", "-m"],
        ["+hydra.sweeper.params={hydra.job_logging.x: 1}", "-m"],
        [f"hydra.job_logging={LOGGING}"],
        [f"hydra.hydra_logging={LOGGING}"],
        ["hydra/job_logging=default", "hydra.job_logging.handlers.console.class=canary.fire"],
        ["hydra/job_logging=default", "hydra.job_logging.handlers.console.stream='ext://canary.fire'"],
        ["hydra.searchpath=[pkg://canary]"],
        ["hydra.searchpath=[file:///tmp]"],
        ["attention@hydra.callbacks.x=gaussian"],
        [f"++hydra={{callbacks:{{x:{TARGET}}}}},{{y:1}}", "-m"],
        ["attention._target_=canary.fire"],
        ["attention._target_=attnrun.runs.opening.remove_run"],
        ["data._target_=attnrun.__main__.main"],
        ["module=canary"],
    ],
    ids=" ".join,
)
def test_no_word_names_code_that_is_not_trusted(fired: Path, words: list[str]) -> None:
    flags = ("--multirun",) if words[-1] == "-m" else ()
    refused([word for word in words if word != "-m"], flags=flags)
    assert not fired.exists()


BOMBS = {
    "a bomb of aliases": {
        "attention__mine": "a: &a [x]\n"
        + "".join(
            f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
            for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        )
    },
    "a long text many times": {"attention__mine": f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 999)}]\n"},
    "a ring": {"attention__mine": "a: &a [*a]\n"},
    "a bomb of references": {
        "attention__mine": "".join(f"k{n}: '${{.k{n + 1}}}${{.k{n + 1}}}'\n" for n in range(40))
        + "k40: xxxx\n"
    },
    "lists in lists": {"attention__mine": "a: " + "[" * 50_000},
    "keys in keys": {"attention__mine": "a: " + "{a: " * 20_000},
    "lists in lists, closed": {"attention__mine": "a: " + "[" * 100 + "]" * 100},
    "ten megabytes": {"attention__mine": "a: 1\n" * 2_000_000},
    "ten megabytes of one text": {"attention__mine": "a: '" + "x" * 10_000_000 + "'\n"},
}
FOREIGN = {
    "a target": {"attention__mine": "_target_: canary.fire\n"},
    "a module": {"attention__mine": f"{GLOBAL}module: canary\n"},
    "a callback": {"attention__mine": f"{GLOBAL}hydra:\n  callbacks:\n    x: {TARGET}\n"},
    "logging": {"attention__mine": f"{GLOBAL}hydra: {{job_logging: {LOGGING}}}\n"},
    "logging of Hydra": {"attention__mine": f"{GLOBAL}hydra: {{hydra_logging: {LOGGING}}}\n"},
    "a launcher": {"attention__mine": f"{GLOBAL}hydra: {{launcher: {TARGET}}}\n"},
    "inside a launcher": {"attention__mine": f"{GLOBAL}hydra: {{launcher: {{x: {TARGET}}}}}\n"},
    "a command of a launcher": {"attention__mine": f"{GLOBAL}hydra: {{launcher: {{setup: [canary]}}}}\n"},
    "a sweeper": {"attention__mine": f"{GLOBAL}hydra: {{sweeper: {TARGET}}}\n"},
    "a sweep over Hydra": {"attention__mine": f"{GLOBAL}hydra: {{sweeper: {{params: {{+hydra.x: 1}}}}}}\n"},
    "another place": {"attention__mine": f"{GLOBAL}hydra: {{run: {{dir: ../elsewhere}}}}\n"},
    "a secret copied": {"attention__mine": f"{GLOBAL}hydra: {{job: {{env_copy: [ATTNRUN_TEST_SECRET]}}}}\n"},
    "an environment": {"attention__mine": f"{GLOBAL}hydra: {{job: {{env_set: {{LD_PRELOAD: x}}}}}}\n"},
    "a package": {"attention__mine": f"# @package hydra.callbacks.x\n{TARGET}\n"},
    "a package below": {"attention__mine": f"# @package _global_.hydra.callbacks\nx: {TARGET}\n"},
    "a default": {
        "attention__mine": f"{GLOBAL}defaults: [{{/optim@hydra.callbacks.x: evil}}]\n",
        "optim__evil": f"{TARGET}\n",
    },
    "a default of Hydra's": {
        "attention__mine": f"{GLOBAL}defaults: [{{override /hydra/job_logging: evil}}]\n",
        "hydra__job_logging__evil": f"{LOGGING}\n",
    },
    "a launcher's file": {
        "attention__mine": f"{GLOBAL}defaults: [{{override /hydra/launcher: evil}}]\n",
        "hydra__launcher__evil": f"{TARGET}\n",
    },
    "a launcher's file elsewhere": {
        "attention__mine": f"{GLOBAL}defaults: [{{override /hydra/launcher: evil}}]\n",
        "hydra__launcher__evil": f"# @package hydra.callbacks.x\n{TARGET}\n",
    },
    "a file above": {"attention__mine": "defaults: [../../../lib/above]\n"},
    "the environment": {"attention__mine": "_target_: '${oc.env:ATTNRUN_TEST_SECRET}'\n"},
    "the environment by another name": {"attention__mine": "_target_: '${env:ATTNRUN_TEST_SECRET}'\n"},
    "a resolver put together": {
        "attention__mine": "_target_: ${${.x}:ATTNRUN_TEST_SECRET}\nx: oc.env\n",
    },
    "half a resolver": {"attention__mine": "_target_: ${oc.${.x}:ATTNRUN_TEST_SECRET}\nx: env\n"},
    "the environment within": {"attention__mine": "_target_: '${now:${oc.env:ATTNRUN_TEST_SECRET}}'\n"},
    "a node decoded": {"attention__mine": "x: '${oc.decode:\"{_target_: canary.fire}\"}'\n"},
    "a node made": {"attention__mine": "x: '${oc.create:\"{_target_: canary.fire}\"}'\n"},
    "an object": {"attention__mine": "x: !!python/object/apply:canary.fire []\n"},
    "bytes": {"attention__mine": "x: !!binary aGk=\n"},
}


@pytest.mark.parametrize(
    "how", ["run", *(pytest.param(n, marks=pytest.mark.faults) for n in ("sweep", "compose"))]
)
@pytest.mark.parametrize("files", (FOREIGN | BOMBS).values(), ids=FOREIGN | BOMBS)
def test_a_foreign_config_is_refused_at_once(
    fired: Path, tmp_path: Path, files: dict[str, str], how: str
) -> None:
    (tmp_path / "lib/above.yaml").write_text("_target_: attnrun.attention.Boxcar\nwidth: 1.0\n")
    config_dir = own(tmp_path, **files)
    if how == "compose":
        harmless = "hydra" in str(files)  # composing calls nothing
        with pytest.raises(UserError) as caught:
            check(
                compose("nw-regression", ["attention=mine"], config_dir), (), ["attention=mine"], config_dir
            )
            raise UserError("harmless" if harmless else "")
        assert str(caught.value) and SECRET not in str(caught.value)
    elif how == "sweep":
        refused(["attention=mine,mine"], config_dir, ("--multirun",))
    else:
        refused(["attention=mine"], config_dir)
    assert not fired.exists() and not (tmp_path.parent / "elsewhere").exists()


@pytest.mark.parametrize("name", ["oc.env", "env", "oc.decode", "oc.create"])
def test_a_resolver_is_refused_by_name(tmp_path: Path, name: str) -> None:
    config_dir = own(tmp_path, attention__mine=f"_target_: '${{{name}:HOME}}'\n")
    with pytest.raises(UserError, match=rf"own/attention/mine.yaml: \$\{{{name}:…\}} reads"):
        compose("nw-regression", ["attention=mine"], config_dir)


def test_the_user_may_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTNRUN_TEST_SECRET", "7")
    assert compose("nw-regression", ["seed=${oc.env:ATTNRUN_TEST_SECRET}"])["seed"] == "7"


def test_ordinary_configs_of_ones_own_are_read(tmp_path: Path) -> None:
    config_dir = own(
        tmp_path,
        attention__mine="# @package _global_\nattention:\n  _target_: attnrun.attention.Boxcar\n"
        "  width: ${trainer.max_steps}\nhydra:\n  sweeper:\n    params:\n      seed: 1,2\n"
        "  launcher:\n    _target_: hydra._internal.core_plugins.basic_launcher.BasicLauncher\n",
    )
    plain = compose("nw-regression", ["attention=mine", "trainer.max_steps=3"], config_dir)
    assert plain["attention"] == {"_target_": "attnrun.attention.Boxcar", "width": 3}


def test_trust_opens_what_it_names(fired: Path) -> None:
    words = ["trainer.max_steps=1", "attention=boxcar", "+hydra.callbacks.x._target_=canary.fire"]
    with pytest.warns(UserWarning, match="Callback NoneType"):  # Hydra calls what our function returns
        (report,) = launch("nw-regression", words, trust=("canary",))
    assert report.status == "done" and fired.exists()


def test_trust_in_hydra_opens_its_keys_to_a_directory(fired: Path, tmp_path: Path) -> None:
    text = f"{GLOBAL}attention: {{_target_: attnrun.attention.Uniform}}\nhydra: {{run: {{dir: outputs/a}}}}\n"
    config_dir = own(tmp_path, attention__mine=text)
    assert "hydra.run steers Hydra itself" in refused(["attention=mine"], config_dir)
    words = ["trainer.max_steps=1", "attention=mine"]
    (report,) = launch("nw-regression", words, trust=("hydra",), config_dir=config_dir)
    assert report.status == "done" and report.directory == str(tmp_path / "outputs/a")


def test_a_link_out_of_a_config_directory_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text("_target_: attnrun.attention.Boxcar\nwidth: 1.0\n")
    (tmp_path / "own/attention").mkdir(parents=True)
    (tmp_path / "own/attention/mine.yaml").symlink_to(tmp_path / "outside.yaml")
    with pytest.raises(UserError, match="no choice of 'attention' named 'mine'"):
        compose("nw-regression", ["attention=mine"], tmp_path / "own")


@pytest.mark.faults
def test_a_table_over_foreign_choices_names_what_is_wrong(tmp_path: Path) -> None:
    texts = {name: next(iter(BOMBS[name].values())) for name in ("a bomb of aliases", "ten megabytes")}
    config_dir = own(tmp_path, **{f"attention__mine{n}": text for n, text in enumerate(texts.values())})
    found = reasons("attention", config_dir=config_dir)
    assert all("too large" in str(why) for name in ("mine0", "mine1") for why in found[name].values())
    assert None in found["gaussian"].values()
