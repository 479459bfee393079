"""`attnrun` and `python -m attnrun`."""


def main() -> None:
    """Run the command line."""
    from attnrun.cli.app import app

    app(prog_name="attnrun")


if __name__ == "__main__":
    main()
