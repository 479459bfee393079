"""Measured claims as files for people: a page each in two languages, a table, and the data behind them."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attnrun.analysis.canvas import save
from attnrun.bench.works import machine
from attnrun.claims.catalog import ReadClaim
from attnrun.claims.measuring import Measured, in_table
from attnrun.claims.picture import draw
from attnrun.errors import UserError
from attnrun.runs.files import read_json, write_json

RESULTS = "results.json"
TABLE = "README.md"
HEAD = "# Claims, measured"  # of the page with the table
BEGIN, END = "<!-- claims -->", "<!-- end of claims -->"  # what stands around the table in another page
_ZH = {"HOLDS": "成立", "FAILS": "不成立", "DEPENDS": "视情况而定"}
_STATES = {"holds": "holds 成立", "fails": "fails 不成立", "undecided": "undecided 未定"}
_KEPT = {"verdict", "conditions", "figures", "seeds", "machine"}  # of each claim, in the results

_READ = (
    "95 %: Student's interval of the mean over seeds, in which a figure may pass its bounds. "
    "均值的 Student 区间，可能超出数值本身的界限。"
)
_APART = (
    "Published figures are of the source's own data: their order is to be compared, not their size. "
    "发表值来自原文的数据，只宜比较次序，不宜比较大小。"
)

Document = Mapping[str, Any]


def check_place(place: Path) -> None:
    """Make the directory for results, before they are measured.

    Raises:
        UserError: there can be none, or it holds other things under the names of what is to be written.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write results to {place}: {error.strerror}") from None
    read_results(place)
    other = place / TABLE
    if other.exists() and not other.read_text(encoding="utf-8", errors="replace").startswith(HEAD):
        raise UserError(
            f"{other} is another page than the table of claims; choose a directory for the results"
        )


def keep(place: Path, one: Measured) -> None:
    """Write what was measured: its picture, and its entry in `results.json`, in the directory `place`."""
    save(draw(one), place / f"{one.claim.name}.png")
    found = {key: value for key, value in one.plain().items() if key != "curves"}  # which are drawn
    write_json(place / RESULTS, read_results(place) | {one.claim.name: found | {"machine": machine()}})


def read_results(place: Path) -> dict[str, Any]:
    """Return the results that `keep` left, by the names of their claims; none where it left nothing.

    Raises:
        UserError: the file there holds something else.
    """
    file = place / RESULTS
    if not file.exists():
        return {}
    found = read_json(file)
    if not isinstance(found, dict) or not all(
        isinstance(one, dict) and one.keys() >= _KEPT for one in found.values()
    ):
        raise UserError(f"{file} is damaged, or holds no results of claims; move it away")
    return found


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
    threads = _count(where["threads"], "thread")
    parts = [
        [f"# {claim.name}: {result['verdict']}"],
        [f"> {claim.claim.statement}"],
        [f"> {claim.claim.zh}"],
        [f"Source 出处: {claim.entry.source}."],
        [f"    attnrun claim {claim.name}"],
        [_verdict(claim, result)],
        _stale(claim, result["conditions"]),
        _conditions(result["conditions"]),
        _variants(claim.keys(fast=False)),
        _figures(result["figures"], result.get("columns", []), claim.claim.published),
        [_READ, *([_APART] if claim.claim.published and "variants" in claim.claim.keys else [])],
        [f"![{claim.entry.what}]({claim.name}.png)"],
        [f"Measured on {where['cpu']}, {threads}, torch {where['torch']}, by `{claim.claim.measure}`:"],
        inspect.cleandoc(claim.function.__doc__ or "").partition("\n\nArgs:")[0].splitlines(),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def table(claims: Sequence[ReadClaim], results: Mapping[str, Document]) -> str:
    """Return the page with the table of the claims that have results, in Markdown."""
    return "\n".join([HEAD, "", *_rows(claims, results, ""), ""])


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


def _verdict(claim: ReadClaim, result: Document) -> str:
    seeds, depends = _count(result["seeds"], "seed"), result["verdict"] == "DEPENDS"
    why = f" It depends {claim.claim.depends}." if depends and claim.claim.depends else ""
    zh = f"{claim.claim.depends_zh}。" if depends and claim.claim.depends_zh else ""
    return f"**{result['verdict']}** ({seeds}).{why} **{_ZH[result['verdict']]}**。{zh}"


def _stale(claim: ReadClaim, conditions: Sequence[Document]) -> list[str]:
    """Say so where the conditions are no longer those that were judged."""
    same = [one["condition"] for one in conditions] == [one.text for one in claim.conditions]
    return [] if same else ["The claim has been changed since it was measured; these are its results before."]


def _conditions(conditions: Sequence[Document]) -> list[str]:
    rows = [
        f"| {one['when']} | `{one['condition']}` | {_between(one['margin'])} | {_STATES[one['state']]} |"
        for one in conditions
    ]
    return ["| condition 条件 | | larger less smaller 差值, 95 % | |", "|---|---|---|---|", *rows]


def _variants(keys: Document) -> list[str]:
    """The trainings that a claim compares, each as the words after `attnrun train`."""
    variants, over = keys.get("variants"), keys.get("over") or {}
    if not isinstance(variants, Mapping):
        return [f"Trained 训练: `attnrun train {keys['training']}`"] if "training" in keys else []
    common = keys.get("words", "")
    rows = [f"| `{name}` | {_command(words, common)} |" for name, words in variants.items()]
    rows += [f"| …`_{name}` | … {_command(words)} |" for name, words in over.items()]
    return ["| variant 变体 | trained by 训练命令 |", "|---|---|", *rows]


def _command(*words: str) -> str:
    """A training as code: a whole command where the words begin with an experiment."""
    text = " ".join(filter(None, words))
    return f"`{text}`" if "=" in text.partition(" ")[0] else f"`attnrun train {text}`"


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
    return f"{printed} | {found['mean']:.4g} | {_between(found['interval'])}"


def _between(interval: Sequence[float] | None) -> str:
    """An interval for a table: empty where one seed was measured, or something that is not finite."""
    if not interval:
        return ""
    low, high = interval
    return "all alike" if low == high else f"{low:.4g} to {high:.4g}"
