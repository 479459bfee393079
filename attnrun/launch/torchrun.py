"""torchrun in a process of its own, for one job: it starts the ranks, and tells which of them failed how.

Called as `python -m attnrun.launch.torchrun FILE WORD…`: what failed goes to FILE, the words to torchrun.
"""

import json
import logging
import sys
from pathlib import Path

from attnrun.launch import lifeline


def main() -> None:
    """Run torchrun; leave the exit codes of the ranks that failed, the first first, a signal's negative."""
    lifeline.hold()
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as run

    logging.disable()  # the job says what happened
    try:
        run(sys.argv[2:])
    except ChildFailedError as error:
        failures = sorted(error.failures.items(), key=lambda failure: failure[1].timestamp)
        codes = {rank: failure.exitcode for rank, failure in failures}
        Path(sys.argv[1]).write_text(json.dumps(codes), encoding="utf-8")
    except SignalException:
        pass  # the job sent it


if __name__ == "__main__":
    main()
