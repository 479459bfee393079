"""What the site has beside the files of docs/: pages from elsewhere in the repository, and Chinese menus.

A hook of mkdocs (see mkdocs.yml). Links between files are written as they hold in the repository; those that
cross the border of docs/ are turned to the pages of the site here.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
OUTSIDE = {
    "README.md": "readme.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
}
LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)([^)#\s]+)")
BROKEN = re.compile(r"(?<=[一-鿿，。；：、])\n(?=[一-鿿])")  # a line of Chinese: a space would stand there
CLAIMS = "claims/"


def on_config(config: Any) -> Any:
    """Put the page of every claim that has been measured where the navigation says `claims/`."""
    pages = sorted((ROOT / "docs/claims").glob("*.md"), key=lambda page: (page.stem != "README", page.stem))
    names = [f"{CLAIMS}{page.name}" for page in pages]
    for section in config.nav:
        for entry in next(iter(section.values())) if isinstance(section, dict) else ():
            for title, place in entry.items() if isinstance(entry, dict) else ():
                entry[title] = names if place == CLAIMS else place
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that stand outside docs/."""
    for inside, page in OUTSIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / inside)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn the links of a page, which are relative to its file, to pages of the site."""
    here = posixpath.dirname(page.file.src_uri)
    inside = {site: file for file, site in OUTSIDE.items()}.get(page.file.src_uri)
    folder = posixpath.join("docs", here) if inside is None else posixpath.dirname(inside)

    def turned(link: re.Match[str]) -> str:
        file = posixpath.normpath(posixpath.join(folder, link[1]))
        place = OUTSIDE.get(file, file.removeprefix("docs/"))
        return posixpath.relpath(place, here or ".") if place != file else link[1]

    return BROKEN.sub("", LINK.sub(turned, markdown))


def on_page_context(context: Any, page: Any, config: Any, nav: Any) -> Any:
    """Give Chinese pages Chinese menus."""
    config.theme["language"] = "zh" if page.file.src_uri.startswith("zh/") else "en"
    return context


def on_post_build(config: Any) -> None:
    """Leave an empty sitemap where the theme looks for one of the other language."""
    (Path(config.site_dir) / "zh/sitemap.xml").write_text("<urlset/>\n", encoding="utf-8")
