"""The site of the documentation: it builds strictly, loads nothing from elsewhere, and can be searched."""

import functools
import importlib.util
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
OWN = ROOT / ".venv-docs/bin/python"  # where `make docs` has mkdocs
LOADED = re.compile(r"<(?:script|img|iframe|source)[^>]*\bsrc=[\"']?(\w+:)?//|<link[^>]*href=[\"']?(\w+:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with every warning an error."""
    python = sys.executable if importlib.util.find_spec("material") else str(OWN)
    if not Path(python).exists():
        pytest.skip("mkdocs-material is not installed; make docs installs it")
    place = tmp_path_factory.mktemp("site")
    build = [python, "-m", "mkdocs", "--quiet", "build", "--strict", "--site-dir", str(place)]
    done = subprocess.run(
        build, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    """The address of the site, served from here."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def visit(browser: Any, served: str) -> Iterator[Callable[..., Any]]:
    """Open a page of the site; at the end no error was told and nothing was asked for elsewhere."""
    contexts, faults = [], list[str]()

    def open_page(name: str, **options: Any) -> Any:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(served) else faults.append(asked.url))
        page.goto(served + name)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not [fault for fault in faults if not fault.startswith("data:")]


@pytest.mark.slow
def test_every_page_is_in_the_site_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = {str(page.relative_to(ROOT / "docs").with_suffix(".html")) for page in ROOT.glob("docs/**/*.md")}
    wanted = {page.replace("README", "index") for page in pages}
    assert wanted | {"readme.html", "contributing.html", "benchmarks.html"} <= {
        str(page.relative_to(site)) for page in site.rglob("*.html")
    }
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not LOADED.search(text), page
        assert f'lang="{"zh" if page.parent.name == "zh" else "en"}"' in text
    assert not list(site.rglob("*.py")) and not list(site.rglob("results.json"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "words", "found"),
    [
        ("index.html", "NaN", "Questions"),
        ("index.html", "padding", "Questions"),
        ("zh/index.html", "热图", "快速上手"),
        ("zh/claims.html", "核回归", "概念与论断"),
    ],
)
def test_the_search_finds_words_of_both_languages(
    visit: Callable[..., Any], page: str, words: str, found: str
) -> None:
    opened = visit(page)
    opened.wait_for_load_state("networkidle")
    field = opened.locator(".md-search__input")
    field.click()
    field.fill(words)
    field.press("End")  # the page searches when a key goes up; Chinese is put in without one
    opened.wait_for_selector(".md-search-result__link", timeout=60_000)
    assert found in opened.locator(".md-search-result__list").inner_text()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", ["index.html", "concepts.html", "contributing.html", "zh/claims.html"])
def test_pages_fit_a_telephone_by_day_and_by_night(visit: Callable[..., Any], page: str, scheme: str) -> None:
    opened = visit(page, viewport={"width": 390, "height": 800}, color_scheme=scheme)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    shade = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(number) for number in re.findall(r"\d+", shade)[:3]) / 3
    assert brightness > 200 if scheme == "light" else brightness < 80
