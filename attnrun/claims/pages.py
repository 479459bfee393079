"""Measured claims as files for people: a page each in two languages, a table, and the data behind them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attnrun.analysis.canvas import save
from attnrun.bench.works import machine
from attnrun.claims.catalog import ReadClaim
from attnrun.claims.measuring import Measured, in_table
from attnrun.claims.picture import draw
from attnrun.runs.files import read_json, write_json

RESULTS = "results.json"
TABLE = "README.md"
BEGIN, END = "<!-- claims -->", "<!-- end of claims -->"  # what stands around the table in another page
_ZH = {"HOLDS": "成立", "FAILS": "不成立", "DEPENDS": "视情况而定"}

Document = Mapping[str, Any]


def keep(place: Path, one: Measured) -> None:
    """Write what was measured: its picture, and its entry in `results.json`, in the directory `place`."""
    save(draw(one), place / f"{one.claim.name}.png")
    found = {key: value for key, value in one.plain().items() if key != "curves"}  # which are drawn
    write_json(place / RESULTS, read_results(place) | {one.claim.name: found | {"machine": machine()}})


def read_results(place: Path) -> dict[str, Any]:
    """Return the results that `keep` left, by the names of their claims."""
    found = read_json(place / RESULTS)
    return found if isinstance(found, dict) else {}


def write_pages(place: Path, claims: Sequence[ReadClaim]) -> list[Path]:
    """Write a page for each claim that has results, and the table of all; return the paths.

    The table stands in the README of the working directory, too, where that has a place for it.
    """
    results = read_results(place)
    shown = [claim for claim in claims if claim.name in results]
    texts = {f"{claim.name}.md": page(claim, results[claim.name]) for claim in shown}
    texts[TABLE] = table(shown, results)
    for name, text in texts.items():
        (place / name).write_text(text, encoding="utf-8")
    readme = Path(TABLE)
    if readme.is_file() and BEGIN in (text := readme.read_text(encoding="utf-8")):
        readme.write_text(embed(text, shown, results, place), encoding="utf-8")
    return [place / name for name in texts]


def page(claim: ReadClaim, result: Document) -> str:
    """Return the page of a claim, in Markdown."""
    where = result["machine"]
    seeds, threads = _count(result["seeds"], "seed"), _count(where["threads"], "thread")
    why = claim.claim.depends if result["verdict"] == "DEPENDS" else ""
    depends = f" It depends {why}." if why else ""
    return "\n".join(
        [
            f"# {claim.name}: {result['verdict']}",
            "",
            f"> {claim.claim.statement}",
            "",
            f"> {claim.claim.zh}",
            "",
            f"Source 出处: {claim.entry.source}.",
            "",
            f"    attnrun claim {claim.name}",
            "",
            f"**{result['verdict']}** ({seeds}).{depends} **{_ZH[result['verdict']]}**。",
            "",
            *_conditions(result["conditions"]),
            "",
            *_figures(result["figures"], result.get("columns", []), claim.claim.published),
            "",
            f"![{claim.entry.what}]({claim.name}.png)",
            "",
            f"Measured on {where['cpu']}, {threads}, torch {where['torch']}.",
            "",
        ]
    )


def table(claims: Sequence[ReadClaim], results: Mapping[str, Document]) -> str:
    """Return the page with the table of the claims that have results, in Markdown."""
    return "\n".join(["# Claims, measured", "", *_rows(claims, results, ""), ""])


def embed(text: str, claims: Sequence[ReadClaim], results: Mapping[str, Document], place: Path) -> str:
    """Return a page with the table between `BEGIN` and `END`, whose links lead to `place`; else unchanged."""
    before, _, rest = text.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(END)
    if not end:
        return text
    return "\n".join([before + BEGIN, *_rows(claims, results, f"{place.as_posix()}/"), end + after])


def _rows(claims: Sequence[ReadClaim], results: Mapping[str, Document], place: str) -> list[str]:
    rows = [
        f"| [{claim.name}]({place}{claim.name}.md) | {claim.entry.what} | {results[claim.name]['verdict']} |"
        for claim in claims
    ]
    return ["| `attnrun claim` | what is said | |", "|---|---|---|", *rows]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _conditions(conditions: Sequence[Document]) -> list[str]:
    rows = [f"| {one['when']} | `{one['condition']}` | {one['state']} |" for one in conditions]
    return ["| condition 条件 | | |", "|---|---|---|", *rows]


def _figures(
    figures: Mapping[str, Document], columns: Sequence[str], published: Mapping[str, float]
) -> list[str]:
    cells = in_table(list(figures), columns)
    inside = {name for row in cells.values() for name in row.values()}
    rows = [
        f"| {name} | {' | '.join(_cell(figures[row[column]]) for column in columns)} |"
        for name, row in cells.items()
    ]
    grid = [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}", *rows, ""] if rows else []
    head = ["| figure 数值 | published 发表值 | measured 实测值 | 95 % |", "|---|---|---|---|"]
    others = [
        f"| `{name}` | {_row(found, published.get(name))} |"
        for name, found in figures.items()
        if name not in inside
    ]
    return [*grid, *head, *others] if others else grid[:-1]


def _cell(found: Document) -> str:
    if not found["interval"]:
        return f"{found['mean']:.4g}"
    return f"{found['mean']:.4g} ± {(found['interval'][1] - found['interval'][0]) / 2:.2g}"


def _row(found: Document, published: float | None) -> str:
    printed = "" if published is None else f"{published:.4g}"
    within = " to ".join(f"{x:.4g}" for x in found["interval"]) if found["interval"] and found["sd"] else ""
    return f"{printed} | {found['mean']:.4g} | {within}"
