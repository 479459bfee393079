"""Print the oldest versions that pyproject.toml admits, of all but torch, as constraints for pip."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def oldest() -> list[str]:
    """Return `name==version` for each dependency `name>=version`; torch is constrained as everywhere else."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bounds = [re.match(r"([\w.-]+)>=([\w.]+)", line) for line in project["dependencies"]]
    assert all(bounds), "a dependency without a lower bound"
    found = [f"{bound[1]}=={bound[2]}" for bound in bounds if bound and bound[1] != "torch"]
    constraints = (ROOT / ".ci/constraints.txt").read_text(encoding="utf-8")
    return [*found, *re.findall(r"^torch==\S+$", constraints, re.MULTILINE)]


if __name__ == "__main__":
    print("\n".join(oldest()))  # noqa: T201
