"""How the processes of a job end with it, however it went."""

import os
import signal
import threading


def hold() -> None:
    """From now on die with the job that started this process, and all of the process group too.

    The job has the other end of standard input, which the system closes when the job is gone, killed or not;
    nothing is ever written to it. What torchrun starts inherits it.
    """
    threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)
