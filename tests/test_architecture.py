"""The house: which room may import which, and what no source file may hold."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = [*sorted((ROOT / "attnrun").rglob("*.py")), *sorted((ROOT / "experiments").rglob("*.py"))]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
LONGEST = 300  # lines of a file

# Beside itself, and beside the modules at the top (errors, escape …), which every room may use.
ROOMS = {
    "attention": set(),
    "data": set(),
    "runs": set(),
    "models": {"attention"},
    "training": {"attention", "runs"},
    "analysis": {"runs"},
    "export": {"attention", "models"},
    "claims": {"attention", "data", "runs", "models", "analysis", "bench", "launch"},
    "bench": {"attention", "data", "runs", "models", "training"},
    "experiments": {"attention", "data", "runs", "models", "training", "analysis"},
    "launch": {"runs", "configs", "data"},
    "cli": {
        "launch",
        "analysis",
        "bench",
        "claims",
        "export",
        "runs",
        "data",
    },  # `attnrun data` shows what `data` fetches and counts
    "configs": set(),
}
TOP = {"__init__", "__main__", "errors", "escape", "processor", "ranges"}
HEAVY = {"torch", "hydra", "omegaconf", "tensorboard", "matplotlib"}
FORBIDDEN = [
    r"\bpickle\b.*\b(load|Unpickler)",
    r"^\s*(import|from)\s+(pickle|dill|cloudpickle|shelve|marshal|joblib)\b",
    r"weights_only\s*=\s*False",
    r"(?<![.\w])(eval|exec)\(",
    r"yaml\.(load|full_load|unsafe_load)\(",
    r"extractall",
    r"shell\s*=\s*True",
    r"os\.(system|popen)\(",
    r"allow_pickle\s*=\s*True",
    r"hydra\.utils|\binstantiate\(",
]


def _name(path: Path) -> str:
    """Return the module's dotted name: experiments/x.py is installed as attnrun.experiments.x."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts if parts[0] == "attnrun" else ("attnrun", *parts))


def _room(module: str) -> str:
    """Return the room of a module of ours, or its own name where it stands at the top."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def _imports(tree: ast.AST, module: str, is_package: bool = False) -> Iterator[str]:
    """Yield every module that is imported anywhere in the tree, names of submodules included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: (not is_package) * -1 or None] if node.level else []
            base = ".".join([*above[: len(above) - node.level + 1], *filter(None, [node.module])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _ours(path: Path) -> set[str]:
    module = _name(path)
    found = _imports(ast.parse(path.read_text()), module, path.name == "__init__.py")
    return {name for name in found if name.split(".")[0] == "attnrun"}


def _rooms_of(imported: set[str]) -> set[str]:
    """Return the rooms imported from; `from attnrun import __version__` names none."""
    return {_room(name) for name in imported} & (ROOMS.keys() | TOP)


@pytest.mark.parametrize("path", CODE, ids=_name)
def test_imports_point_one_way(path: Path) -> None:
    room = _room(_name(path).removesuffix(".__init__"))
    imported = _rooms_of(_ours(path))
    if room == "__main__":
        assert imported <= {"cli", "__init__"}
    elif room in TOP:
        assert not imported - TOP, f"{_name(path)} stands at the top and may import no room"
    else:
        wrong = imported - ROOMS[room] - {room} - TOP
        assert not wrong, f"{_name(path)}: {room} may not import {', '.join(sorted(wrong))}"


def test_every_room_is_known() -> None:
    found = {_room(_name(path).removesuffix(".__init__")) for path in CODE} - TOP
    assert found <= ROOMS.keys()


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.py")), ids=_name)
def test_no_experiment_imports_another(path: Path) -> None:
    others = {name for name in _ours(path) if name.startswith("attnrun.experiments")}
    assert not {name for name in others if not name.startswith(_name(path))}


def test_nothing_is_imported_as_a_second_copy() -> None:
    roots = {
        name.split(".")[0] for path in CODE for name in _imports(ast.parse(path.read_text()), _name(path))
    }
    assert not roots & {"experiments", "configs", "tests"}


@pytest.mark.parametrize(
    "path", [path for path in CODE if _room(_name(path)) in ("cli", "launch")], ids=_name
)
def test_the_command_line_imports_nothing_heavy_at_module_level(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        function.body = [ast.Pass()]
    for condition in [node for node in ast.walk(tree) if isinstance(node, ast.If)]:
        if ast.unparse(condition.test) == "TYPE_CHECKING":
            condition.body = [ast.Pass()]
    assert not {name.split(".")[0] for name in _imports(tree, _name(path))} & HEAVY


def test_the_imports_are_read_rightly() -> None:
    text = "import a.b\nfrom c import d\ndef f():\n    from . import e\n    from ..g import h\n"
    found = set(_imports(ast.parse(text), "attnrun.cli.x"))
    assert found == {"a.b", "c", "c.d", "attnrun.cli", "attnrun.cli.e", "attnrun.g", "attnrun.g.h"}


def test_pyproject_names_every_package() -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = {
        _name(init.parent)
        for top in ("attnrun", "experiments", "configs")
        for init in (ROOT / top).rglob("__init__.py")
    }
    holding_code = {_name(path.parent) for path in CODE}
    assert sorted(named) == sorted(there)
    assert holding_code <= there, "a folder of modules without __init__.py vanishes from the wheel"


def test_pyproject_ships_every_data_file() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    folders = {
        "attnrun": ROOT / "attnrun",
        "attnrun.analysis": ROOT / "attnrun/analysis",
        "attnrun.data": ROOT / "attnrun/data",
        "attnrun.configs": ROOT / "configs",
    }
    shipped = {
        file for package, globs in data.items() for glob in globs for file in folders[package].glob(glob)
    }
    beside = [
        path
        for top in ("attnrun", "experiments", "configs")
        for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    assert not [path for path in beside if path not in shipped]


@pytest.mark.parametrize("path", CODE, ids=_name)
def test_no_file_is_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_nothing_that_runs_foreign_code(pattern: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in [*CODE, *CONFIGS]
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert not found


def test_every_checkpoint_is_read_as_plain_values() -> None:
    calls = [
        ast.unparse(node)
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "np.load", "numpy.load")
    ]
    assert calls
    assert not [
        call for call in calls if "weights_only=True" not in call and "allow_pickle=False" not in call
    ]


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (0, "pickle.load(stream)"),
        (1, "import pickle"),
        (2, "torch.load(path, weights_only=False)"),
        (3, "x = eval(text)"),
        (4, "yaml.load(text)"),
        (5, "archive.extractall(place)"),
        (6, "run(command, shell=True)"),
        (7, "os.system(command)"),
        (8, "np.load(path, allow_pickle=True)"),
        (9, "instantiate(config)"),
    ],
)
def test_the_gate_would_close(pattern: int, line: str) -> None:
    assert re.search(FORBIDDEN[pattern], line)


@pytest.mark.parametrize("line", ["model.eval()", "yaml.safe_load(text)", "self.evaluate()", "retrieval(x)"])
def test_the_gate_lets_plain_code_through(line: str) -> None:
    assert not any(re.search(pattern, line) for pattern in FORBIDDEN)
