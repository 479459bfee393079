"""`attnrun` and `python -m attnrun`."""

import os
import signal


def main() -> None:
    """Run the command line, or answer a shell that asks for completions."""
    from attnrun.cli.app import app

    if "_ATTNRUN_COMPLETE" in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    try:
        app(prog_name="attnrun")
    finally:  # all is said and written: no signal is to kill the interpreter, which takes a second to leave
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()
