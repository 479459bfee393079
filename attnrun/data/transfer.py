"""One file from a web server: bounded in size, shown on stderr, and every fault one plain line."""

import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attnrun import __version__
from attnrun.errors import UserError
from attnrun.escape import for_terminal

_CONNECT, _READ = 10.0, 30.0  # seconds without an answer, and without further bytes
_BLOCK = 2**16  # bytes
_RETRIES = 1  # after a connection that broke
# Up to the last @ where there is a colon: a password may hold any mark, though it should not.
_LOGIN = re.compile(r"(//|\A(?!.*//))([^/?#:]*:.*|[^/?#]*)@")

logger = logging.getLogger("attnrun")


def transfer(url: str, place: Path, limit: int, label: str) -> None:
    """Download `url` to the new file `place`, through pooch.

    A connection that breaks is tried once more. The directory of `place` is left with what a killed process
    had of the file: it should be one to throw away.

    Args:
        limit: the most bytes to take; a longer body is cut off at once.
        label: what to call the file while it comes.

    Raises:
        UserError: `url` is no http(s) address, or the server does not give the file.
        OSError: `place` cannot be written.
    """
    import pooch
    from requests.exceptions import RequestException

    check_address(url)
    pooch.get_logger().setLevel(logging.ERROR)  # it would print paths of temporary files
    source = pooch.create(
        place.parent, "", registry={place.name: None}, urls={place.name: url}, retry_if_failed=_RETRIES
    )
    try:
        source.fetch(place.name, downloader=partial(_stream, limit=limit, label=label))
    except (RequestException, ValueError) as error:
        raise UserError(f"cannot download {without_password(url)}: {_reason(error)}") from None


def check_address(url: str) -> None:
    """Raise UserError unless `url` is an address of the web."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # also the port, if it is no number or too large
        good = False
    if not good:
        raise UserError(f"{without_password(url)!r} is no http:// or https:// address")


def without_password(text: str) -> str:
    """Return a web address, or a text with one, with `***` for a password in it.

    >>> without_password("http://me:secret@example.org/x.zip")
    'http://me:***@example.org/x.zip'
    """
    return _LOGIN.sub(lambda login: f"{login[1]}{_masked(login[2])}@", text)


def _masked(login: str) -> str:
    name, colon, _ = login.partition(":")
    return f"{name}:***" if colon else "***"  # alone it may be a token


def say(message: str) -> None:
    """Show one line on stderr, and keep it in the log of the run if there is one."""
    shown = for_terminal(message, getattr(sys.stderr, "encoding", None) or "utf-8")
    sys.stderr.write(f"attnrun: {shown}\n")
    sys.stderr.flush()
    logger.info("%s", shown)


def _stream(url: str, output: str, _pooch: object, *, limit: int, label: str) -> None:
    """Write the body to the file `output`; this is what pooch calls, also to try again."""
    import requests

    # Some servers refuse the library's own name; a body packed for the way would have another hash.
    headers = {"User-Agent": f"attnrun/{__version__}", "Accept-Encoding": "identity"}
    with requests.get(url, headers=headers, stream=True, timeout=(_CONNECT, _READ)) as response:
        if response.status_code != HTTPStatus.OK:
            answer = _status(response.status_code)
            raise UserError(f"cannot download {without_password(url)}: the server answers {answer}")
        announced = response.headers.get("Content-Length", "")
        total = int(announced) if announced.isdecimal() and len(announced) < 16 else 0
        received = 0
        with open(output, "wb") as file, _progress(label, url, total) as advance:
            for block in response.iter_content(_BLOCK):
                received += len(block)
                if max(received, total) > limit:
                    large = f"it is larger than {limit:,} bytes"
                    raise UserError(f"cannot download {without_password(url)}: {large}")
                file.write(block)
                advance(len(block))


@contextmanager
def _progress(label: str, url: str, total: int) -> Iterator[Callable[[int], Any]]:
    """Show a bar on a terminal, one line elsewhere; give the function that takes the bytes that came."""
    from rich.filesize import decimal

    if not sys.stderr.isatty():
        size = f" ({decimal(total)})" if total else ""
        say(f"downloading {label}{size} from {without_password(url)}")
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    text = TextColumn("{task.description}", markup=False)
    columns = (text, BarColumn(bar_width=24), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"downloading {for_terminal(label)}", total=total or None)
        yield lambda count: bar.advance(task, count)


def _status(code: int) -> str:
    """Return the code with the standard's words for it, not the server's."""
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)


def _reason(error: BaseException) -> str:
    """Return the innermost cause: the outer ones only say that there was one."""
    from requests.exceptions import InvalidURL, TooManyRedirects

    if isinstance(error, TooManyRedirects):
        return "the server redirects again and again"
    if isinstance(error, InvalidURL):
        return "there can be no such address"
    while inner := error.__cause__ or error.__context__:
        error = inner
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return without_password(text.splitlines()[0])
