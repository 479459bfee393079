"""The sdist and the wheel: the same files give the same bytes, wherever and whenever they are built."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "outputs")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Path]]:
    """What two builds made, by name, from copies that differ in place, times and rights."""
    made = []
    for number in (1, 2):
        place = tmp_path_factory.mktemp("build")
        shutil.copytree(ROOT, place / "source", ignore=NOT_COPIED)
        shutil.copytree(ROOT / ".ci", place / "source/.ci")
        for path in (place / "source").rglob("*"):
            os.utime(path, (1e9 * number, 1e9 * number))
            if path.is_file():
                path.chmod(0o644 if number == 1 else 0o664)
        env = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "TZ": ["UTC", "Asia/Tokyo"][number - 1]}
        command = [sys.executable, ".ci/build.py", str(place / "dist")]
        subprocess.run(command, cwd=place / "source", env=env, check=True, capture_output=True)
        made.append({path.name: path for path in (place / "dist").iterdir()})
    return made


@pytest.mark.wheel
@pytest.mark.timeout(900)
def test_two_builds_give_the_same_bytes(built: list[dict[str, Path]]) -> None:
    first, second = (
        {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in made.items()} for made in built
    )
    assert first == second
    assert sorted(name.rpartition(".")[2] for name in first) == ["gz", "whl"]


@pytest.mark.wheel
@pytest.mark.timeout(900)
def test_both_bring_the_licences(built: list[dict[str, Path]]) -> None:
    for path in built[0].values():
        with zipfile.ZipFile(path) if path.suffix == ".whl" else tarfile.open(path) as archive:
            names = archive.namelist() if isinstance(archive, zipfile.ZipFile) else archive.getnames()
        assert {"LICENSE", "THIRD_PARTY.md"} <= {name.rpartition("/")[2] for name in names}
