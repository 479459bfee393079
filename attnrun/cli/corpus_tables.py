"""What `attnrun data` prints: the corpora there are, the files of downloads, the figures of one corpus."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from attnrun.cli.tables import figures_table, literal, new_table, print_figures, shown_path

if TYPE_CHECKING:
    from attnrun.data.statistics import Side, Statistics

_STATES = {"unknown": "unknown: no hash to compare with"}
_ROOM_FOR_BARS = 72  # columns of a terminal


def show_corpora(rows: Sequence[dict[str, Any]]) -> None:
    """Print a table of corpora, as `attnrun data list --json` describes them."""
    table = new_table("corpus", "languages", "here", "what it is")
    table.columns[-1].overflow = "fold"  # a web address stays whole
    for row in rows:
        languages = ", ".join(row["languages"] or ())
        licence = f"licence: {row['licence']}" if row["licence"] else f"source: {row['source']}"
        about = Text("\n").join(map(literal, (row["what"], licence)))
        table.add_row(literal(row["name"]), literal(languages), literal(_whereabouts(row)), about)
    _print(table)


def _whereabouts(row: dict[str, Any]) -> str:
    download = row["download"]
    if download is None:
        return "your file" if row["own_file"] else "built in"
    if not download["missing"]:
        return "in the cache"
    size = f"no: {'' if download['exact'] else 'up to '}{decimal(download['missing_bytes'])}"
    there = download["files"] - download["missing"]
    return f"{there} of {download['files']} files{size.removeprefix('no')}" if there else size


def show_files(rows: Sequence[dict[str, str]]) -> None:
    """Print the state of each downloaded file."""
    table = new_table("corpus", "file", "state")
    for row in rows:
        state = _STATES.get(row["state"], row["state"])
        table.add_row(*map(literal, (row["corpus"], Path(row["path"]).name, state)))
    _print(table)


def show_statistics(found: "Statistics") -> None:
    """Print the figures of a corpus, a row a split or a side of one."""
    sides = list(_sides(found))
    print_figures(_sizes(sides))
    print_figures(_lengths(sides))
    print_figures(_unknown(sides))
    print_figures(_between(found))
    if any(split.gold for split in found.splits.values()):
        print_figures(_gold(found))
    _print(literal(f"vocabulary: {_vocabulary(found)}"))


def show_figure(path: Path) -> None:
    """Print where a figure is."""
    _print(literal(f"figure: {shown_path(path)}"))


def _vocabulary(found: "Statistics") -> str:
    source, target = found.source_vocabulary, found.target_vocabulary
    if found.joint:
        return f"{source:,} joint"
    return f"{found.source_language} {source:,}, {found.target_language} {target:,}"


def _sides(found: "Statistics") -> Iterator[tuple[str, "Side"]]:
    for name, split in found.splits.items():
        yield f"{name} {found.source_language}", split.source
        yield f"{name} {found.target_language}", split.target


def _sizes(sides: Sequence[tuple[str, "Side"]]) -> Table:
    table = figures_table("sizes", "pairs", "distinct sentences", "tokens", "types")
    for label, side in sides:
        counts = (len(side.lengths), side.distinct, side.tokens, side.types)
        table.add_row(literal(label), *map(_count, counts))
    return table


def _lengths(sides: Sequence[tuple[str, "Side"]]) -> Table:
    """Tabulate the lengths, with bars where a terminal shows them."""
    from attnrun.analysis.corpus_plots import bars

    table = figures_table("tokens a sentence", "mean", "median", "95 %", "longest")
    most = max(side.percentile_95 for _, side in sides)
    unicode = sys.stdout.isatty() and sys.stdout.encoding.lower().startswith("utf")
    drawn = unicode and Console().width >= _ROOM_FOR_BARS
    if drawn:
        table.add_column(f"1 to {most} and more")
    for label, side in sides:
        lengths = (side.median, side.percentile_95, side.longest)
        line = [literal(bars(side.lengths, most))] * drawn
        table.add_row(literal(label), f"{side.mean:.1f}", *map(_count, lengths), *line)
    return table


def _unknown(sides: Sequence[tuple[str, "Side"]]) -> Table:
    table = figures_table("out of vocabulary", "tokens", "types", "sentences with one")
    for label, side in sides:
        shares = (side.unknown_tokens, side.unknown_types, side.unknown_sentences)
        table.add_row(literal(label), *(f"{100 * share:.2f} %" for share in shares))
    return table


def _between(found: "Statistics") -> Table:
    """Tabulate what lies between the sides, and what a split shares with the others."""
    ratio = f"{found.target_language} / {found.source_language} tokens"
    table = figures_table("splits", ratio, "5 to 95 %", "shared source", "target", "both")
    for name, split in found.splits.items():
        shared = (split.shared.source, split.shared.target, split.shared.both)
        spread = f"{split.ratio_low:.2f} to {split.ratio_high:.2f}"
        table.add_row(name, f"{split.ratio:.2f}", spread, *map(_count, shared))
    return table


def _gold(found: "Statistics") -> Table:
    table = figures_table("gold alignments", "pairs", "sure links a pair", "possible")
    for name, split in found.splits.items():
        if split.gold:
            links = (split.gold.sure, split.gold.possible)
            table.add_row(name, _count(split.gold.pairs), *(f"{count:.1f}" for count in links))
    return table


def _count(number: int) -> str:
    return f"{number:,}"


def _print(shown: Table | Text) -> None:
    Console(highlight=False).print(shown, soft_wrap=isinstance(shown, Text))
