"""Run tests again and again from a process that has imported torch once.

A line of JSON on stdin, the arguments of pytest, gives a line on stdout: pytest's exit status. What the tests
print goes to the file named on the command line. Each time is a fork of its own, which imports the package
anew from the working directory.
"""

import json
import os
import sys

import pytest
import torch  # noqa: F401 - a second or two, once


def main(log: str) -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            to = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(to, sys.stdout.fileno())
            os.dup2(to, sys.stderr.fileno())
            status = pytest.main(json.loads(line))
            sys.stdout.flush()
            os._exit(status)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201


main(sys.argv[1])
