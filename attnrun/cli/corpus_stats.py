"""`attnrun data stats`: the figures of one corpus, as tables, as JSON and as a picture."""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnrun.cli.complete import complete_corpus
from attnrun.cli.ends import echo_json, say
from attnrun.cli.options import AsJson, ConfigDir, CorpusKeys, Trust
from attnrun.errors import UserError
from attnrun.runs.layout import FIGURES, OUTPUTS

if TYPE_CHECKING:
    from attnrun.data.statistics import Statistics

_FIGURES = OUTPUTS / FIGURES
_LONGEST_NAME = 60  # letters of a figure's name that come from outside
NameOrFile = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FILE",
        help="A corpus, or a file: tab-separated, or JSON lines (.jsonl, .json).",
        autocompletion=complete_corpus,
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot", metavar="FILE", help="Figure: .png, .svg or .pdf; default: a PNG in outputs/figures."
    ),
]


def stats(
    given: NameOrFile,
    keys: CorpusKeys = None,
    plot: Plot = None,
    config_dir: ConfigDir = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Count sentences, lengths and unknown words.

    The figures are those of a training with the same keys: attnrun data stats phrases;
    attnrun data stats mine.tsv limit=10000 tokeniser=bpe tokeniser.size=4000;
    attnrun data stats mine.jsonl source=en target=fr. With --json there is a figure only by --plot.
    """
    from attnrun.launch.corpora import load

    if plot is not None:
        _check_plot(plot)
    corpus, report, recipe = load(given, keys or (), config_dir, tuple(trust or ()))
    if report.train.dropped or report.valid.dropped:
        say(report.summary())
    from attnrun.cli.corpus_tables import show_figure, show_statistics
    from attnrun.data.statistics import describe

    found = describe(corpus, recipe)
    if as_json:
        figure = _drawn(found, plot, asked=True) if plot else None
        echo_json({**found.to_json(), "filter": report.to_json(), "figure": figure and str(figure)})
    else:
        show_statistics(found)
        figure = _drawn(found, plot or _default_path(found.name, given, keys or ()), asked=plot is not None)
        if figure:
            show_figure(figure)
    if plot and not figure:
        raise typer.Exit(1)


def _check_plot(path: Path) -> None:
    """Refuse, before the counting, what can be no picture's name."""
    from attnrun.analysis.canvas import figure_kind

    if path.is_dir():
        raise UserError(f"--plot {path} is a directory; name a file in it, as {path / 'lengths.png'}")
    figure_kind(path)
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir():
        raise UserError(f"--plot {path}: {above} is not a directory")


def _drawn(found: "Statistics", path: Path, asked: bool) -> Path | None:
    """Draw the lengths; where that cannot be written, say so, and return None."""
    from attnrun.analysis.corpus_plots import lengths_figure
    from attnrun.analysis.plots import save

    languages = (found.source_language, found.target_language)
    lengths = {name: (split.source.lengths, split.target.lengths) for name, split in found.splits.items()}
    figure = lengths_figure(lengths, languages, f"{found.name}: {' and '.join(languages)}")
    try:
        return save(figure, path)
    except OSError as error:
        say(f"{'' if asked else 'warning: '}cannot write the figure {path}: {error.strerror or error}")
        return None


def _default_path(name: str, given: str, keys: Sequence[str]) -> Path:
    """Return a name that other words, and files of the same name elsewhere, do not share."""
    whole = json.dumps([str(Path(given).absolute()), *keys])
    digest = hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:6]
    plain = re.sub(r"[^\w.-]+", "-", name)[:_LONGEST_NAME].strip(".-") or "file"
    return _FIGURES / f"corpus-{plain}-{digest}.png"
