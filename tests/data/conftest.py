"""A web server on loopback that serves what it is told, badly where it is told so."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pooch
import pytest


@dataclass
class Reply:
    """How a path is answered.

    Attributes:
        cut: send only so many bytes of the body and close, `cuts` times; None sends all.
        announce: send a Content-Length.
        pause: seconds after each block of 16 KiB.
        endless: send the body again and again.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    cuts: int = 1_000_000
    announce: bool = True
    pause: float = 0.0
    endless: bool = False


class Loopback:
    """The server, what it serves (`replies`, by path) and what it was asked (`asked`, `agents`)."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.asked: Counter[str] = Counter()
        self.whole: Counter[str] = Counter()  # bodies that were taken to their end
        self.sent = 0  # bytes of bodies
        self.agents: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def url(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def serve(self, path: str, body: bytes = b"", **how: Any) -> str:
        """Answer `path` so, and return its address."""
        self.replies[path] = Reply(body, **how)
        return self.url(path)

    def serve_files(self, directory: Path, pattern: str, at: str = "") -> str:
        """Serve the files under `directory`, and return the address that their paths follow."""
        for file in directory.glob(pattern):
            self.serve(f"{at}/{file.relative_to(directory)}", file.read_bytes())
        return self.url(at)

    def stop(self) -> None:
        """Go down: further connections are refused."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                loopback.asked[self.path] += 1
                loopback.agents.add(self.headers["User-Agent"])
                reply = loopback.replies.get(self.path, Reply(b"nothing here", status=404))
                self.send_response(reply.status)
                if reply.announce and not reply.endless:
                    self.send_header("Content-Length", str(len(reply.body)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self._send(reply)
                except OSError:  # the client has left, as it should when it had enough
                    self.close_connection = True

            def _send(self, reply: Reply) -> None:
                body = reply.body
                if reply.cut is not None and reply.cuts > 0:
                    reply.cuts -= 1
                    body = body[: reply.cut]
                while True:
                    for start in range(0, len(body), 2**14):
                        self.wfile.write(body[start : start + 2**14])
                        loopback.sent += min(2**14, len(body) - start)
                        time.sleep(reply.pause)
                    if not reply.endless:
                        break
                loopback.whole[self.path] += len(body) == len(reply.body)

            def log_message(self, *words: object) -> None:
                pass

        return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A server that is reached directly, whatever proxy the machine has, and again without a pause."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch.core, "time", SimpleNamespace(sleep=lambda seconds: None))
    loopback = Loopback()
    yield loopback
    loopback.stop()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the cache directory of this test, which is not made yet."""
    monkeypatch.setenv("ATTNRUN_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"
