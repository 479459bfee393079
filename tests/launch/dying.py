"""The experiment `sequence`, where a process may end early: FATE="1 6 kill" is rank 1 as step 6 is logged."""

import os
import signal
from typing import Any

from attnrun.experiments import sequence
from attnrun.experiments.sequence import PRIMARY, Config

from attnrun.runs import ranks
from attnrun.runs.run import Run

__all__ = ["PRIMARY", "Config", "train"]


def train(config: Config, run: Run) -> dict[str, Any]:
    log = run.log
    rank, at, how = os.environ.get("FATE", "- 0 -").split()

    def fatal(step: int, values: dict[str, Any], **keys: Any) -> None:
        log(step, values, **keys)
        if (rank, int(at)) == (str(ranks.rank()), step):
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError("a fate")

    run.log = fatal  # type: ignore[method-assign]
    return sequence.train(config, run)
