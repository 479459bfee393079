"""Look up known vulnerabilities of the versions in constraints.txt, where a service that knows them answers.

Ends with 0 where there are none, or no service answers, which is said; with pip-audit's status otherwise.
"""

import subprocess
import sys
import urllib.request
import venv
from pathlib import Path

ENVIRONMENT = Path(__file__).parents[1] / ".venv-audit"
CONSTRAINTS = Path(__file__).parent / "constraints.txt"
# What each service has to say of an old fault of PyYAML 5.3: a mirror of the packages alone does not know it.
FAULT = "PYSEC-2021-142"
SERVICES = {"pypi": "https://pypi.org/pypi/PyYAML/5.3/json", "osv": f"https://api.osv.dev/v1/vulns/{FAULT}"}


def reached(address: str) -> bool:
    """Return whether the service at an address knows the fault."""
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return FAULT in answer.read().decode()
    except OSError:
        return False


def main() -> int:
    """Return the exit status."""
    service = next((name for name, address in SERVICES.items() if reached(address)), None)
    if service is None:
        print(f"nothing audited: no answer from {' or '.join(SERVICES.values())}")  # noqa: T201
        return 0
    python = str(ENVIRONMENT / "bin/python")
    if not Path(python).exists():
        venv.create(ENVIRONMENT, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "pip-audit"], check=True)
    what = ["--requirement", str(CONSTRAINTS), "--strict", "--no-deps", "--disable-pip"]
    command = [python, "-m", "pip_audit", "--vulnerability-service", service, *what]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
