"""Build the sdist and the wheel, byte for byte the same from the same files: python .ci/build.py [DIRECTORY].

Times are SOURCE_DATE_EPOCH, or that of the last commit. setuptools makes such a wheel by itself; its sdist is
packed once more, without the times and owners of this machine.
"""

import gzip
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parents[1]


def epoch() -> int:
    """Return the time of all files, in seconds; outside a repository 1980, the first year of a zip."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    asked = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True)
    return int(asked.stdout or 315_532_800)


def pack_again(sdist: Path, time: int) -> None:
    """Write an sdist anew: its members in order, with one time, no owner and plain modes."""
    packed = BytesIO()
    with tarfile.open(sdist) as old, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda one: one.name):
            member.mtime, member.pax_headers = time, {}
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    with sdist.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=time) as stream:
        stream.write(packed.getvalue())


def main(directory: Path) -> None:
    """Build into the directory."""
    time = epoch()
    os.umask(0o022)
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(time)}
    command = [sys.executable, "-m", "build", "--outdir", str(directory), str(ROOT)]
    subprocess.run(command, check=True, env=env)
    for sdist in directory.glob("*.tar.gz"):
        pack_again(sdist, time)


if __name__ == "__main__":
    main(Path(sys.argv[1] if sys.argv[1:] else "dist"))
