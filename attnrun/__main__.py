"""`attnrun` and `python -m attnrun`."""

import os


def main() -> None:
    """Run the command line, or answer a shell that asks for completions."""
    from attnrun.cli.app import app

    if "_ATTNRUN_COMPLETE" in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    app(prog_name="attnrun")


if __name__ == "__main__":
    main()
