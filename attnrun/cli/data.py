"""`attnrun data`: corpora to choose from, their downloads, and what they hold."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnrun.cli.complete import complete_download
from attnrun.cli.corpus_stats import stats
from attnrun.cli.ends import echo_json, echo_line, guarded, say
from attnrun.cli.options import AsJson, ConfigDir, CorpusKeys, Trust
from attnrun.errors import RunFailed, UserError

if TYPE_CHECKING:
    from attnrun.data.download import Package
    from attnrun.launch.corpora import Listed

data = typer.Typer(
    help="List, download and measure corpora.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_NAME_HELP = "A corpus, see `attnrun data list`."
Name = Annotated[str, typer.Argument(metavar="NAME", help=_NAME_HELP, autocompletion=complete_download)]
NameOrAll = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help=_NAME_HELP, autocompletion=complete_download)
]


def list_corpora(config_dir: ConfigDir = None, trust: Trust = None, as_json: AsJson = False) -> None:
    """List the corpora, and which of them are here."""
    from attnrun.launch.corpora import listed

    found = listed(config_dir, tuple(trust or ()))
    if as_json:
        echo_json([_entry(corpus) for corpus in found])
        return
    from attnrun.cli.corpus_tables import show_corpora

    show_corpora([_entry(corpus) for corpus in found])
    typer.echo("\nDownload one: attnrun data get NAME. What it holds: attnrun data stats NAME|FILE.")


def get(
    name: Name,
    keys: CorpusKeys = None,
    config_dir: ConfigDir = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Download a corpus; print where its files are.

    attnrun data get multi30k source=de target=en text=raw;
    attnrun data get tatoeba url=https://www.manythings.org/anki/deu-eng.zip target=de
    """
    from attnrun.launch.corpora import find

    package = find(name, keys or (), config_dir, tuple(trust or ())).package
    if package is None:
        say(f"the corpus {name} needs no download")
        if as_json:
            echo_json({"name": name, "directory": None, "files": []})
        return
    paths = _fetched(package)
    if as_json:
        about = {"licence": package.licence, "citation": package.citation, "homepage": package.homepage}
        echo_json({"name": name, **about, "directory": str(package.directory), "files": paths})
        return
    for path in paths:
        echo_line(path)


def _fetched(package: "Package") -> list[str]:
    """Download what is missing, and show licence and citation: at the first time `fetch` does."""
    from attnrun.data.download import NOTICE, fetch

    introduced = (package.directory / NOTICE).exists()
    directory = fetch(package)
    if introduced:
        say(f"licence: {package.licence}")
        say(f"cite: {package.citation}")
    return [str(directory / remote.name) for remote in package.files]


def where(
    name: NameOrAll = None,
    config_dir: ConfigDir = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Print the directory of the downloads.

    ATTNRUN_DATA=DIRECTORY in the environment names another.
    """
    from attnrun.data.download import cache_directory

    place = cache_directory() if name is None else _package(name, config_dir, trust).directory
    if not place.is_dir():
        say(f"{place} is not there yet; the first download makes it")
    if as_json:
        echo_json({"directory": str(place), "exists": place.is_dir()})
    else:
        echo_line(str(place))


def verify(
    name: NameOrAll = None,
    config_dir: ConfigDir = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Compare what was downloaded with its hashes.

    Every file in the directory is read; exit status 1 says that one is damaged.
    """
    from attnrun.data.download import verify as verified
    from attnrun.data.download import whole
    from attnrun.launch.corpora import listed

    if name is None:
        every = listed(config_dir, tuple(trust or ()))
        packages = {corpus.entry.name: corpus.package for corpus in every if corpus.package}
    else:
        packages = {name: _package(name, config_dir, trust)}
    rows = [
        {"corpus": corpus, "path": str(package.directory / file), "state": state}
        for corpus, package in packages.items()
        for file, state in verified(whole(package)).items()
    ]
    if as_json:
        echo_json(rows)
    else:
        from attnrun.cli.corpus_tables import show_files

        show_files(rows)
    _refuse_damaged(rows)


def _refuse_damaged(rows: list[dict[str, str]]) -> None:
    damaged = [row for row in rows if row["state"] == "damaged"]
    if damaged:
        names = ", ".join(f"attnrun data get {name}" for name in {row["corpus"]: None for row in damaged})
        files = " ".join(row["path"] for row in damaged)
        raise RunFailed(f"damaged: {files}; delete what is damaged and get it with the same keys: {names}")


def _package(name: str, config_dir: Path | None, trust: list[str] | None) -> "Package":
    from attnrun.launch.corpora import find

    package = find(name, (), config_dir, tuple(trust or ())).package
    if package is None:
        raise UserError(f"the corpus {name} downloads nothing; see `attnrun data list`")
    return package


def _entry(corpus: "Listed") -> dict[str, Any]:
    """Return what is known of a corpus without reading it, as plain data."""
    package = corpus.package
    return {
        "name": corpus.entry.name,
        "what": corpus.entry.what,
        "source": corpus.entry.source,
        "languages": corpus.languages,
        "own_file": corpus.is_file,
        "download": None if package is None else _download(package),
        "licence": None if package is None else package.licence,
    }


def _download(package: "Package") -> dict[str, Any]:
    from attnrun.data.download import state

    missing = {name for name, found in state(package).items() if found == "missing"}
    return {
        "directory": str(package.directory),
        "files": len(package.files),
        "missing": len(missing),
        "missing_bytes": sum(remote.size for remote in package.files if remote.name in missing),
        "exact": not any(remote.zipped or remote.sha256 is None for remote in package.files),
    }


data.command("list")(guarded(list_corpora))
data.command()(guarded(get))
data.command()(guarded(where))
data.command()(guarded(verify))
data.command()(guarded(stats))
