"""The two ways a command ends badly: the user's mistake (exit 2) and a failed run (exit 1)."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """The user's mistake: one line that names the thing, the place and the nearest valid choice."""

    exit_code = 2


class RunFailed(Exception):
    """A run that started and could not finish; the message says where its log is."""

    exit_code = 1


class Interrupted(KeyboardInterrupt):
    """A run stopped by a signal after it saved its state; `exit_code` is 128 plus the signal's number."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number

    def __reduce__(self) -> tuple[type["Interrupted"], tuple[str, int]]:
        return type(self), (str(self), self.signal_number)


def first_line(said: object) -> str:
    """Return the first line of a text, or of what an error says: its kind where that is nothing."""
    return str(said).strip().partition("\n")[0] or type(said).__name__


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice spelled most like `name`, or None where none comes near."""
    found = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return found[0] if found else None


def suggest(name: str, choices: Iterable[str], limit: int = 12) -> str:
    """Return the tail of an error message: the nearest choice, else the choices there are."""
    names = sorted(choices)
    if not names:
        return ""
    close = nearest(name, names)
    if close is not None:
        return f"; did you mean {close!r}?"
    more = ", …" if len(names) > limit else ""
    return f"; choose from: {', '.join(names[:limit])}{more}"
