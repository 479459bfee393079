"""Answers as rows: a table of some, and the scores of translations.

A row has `source`, `target` and `prediction`, in the form of the corpus; where that is not plain text, also
`plain_target` and `plain_prediction`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from attnrun.runs.board import markdown_table
from attnrun.runs.run import Run
from attnrun.training.metrics import bleu, translation_scores

_SHOWN = 8  # rows in TensorBoard

Rows = Sequence[dict[str, str]]


def translated_rows(translator: Any, pairs: Sequence[Any]) -> list[dict[str, str]]:
    """Return rows of the sources of `pairs` translated, with plain text too where the corpus is in tokens.

    `translator` has `translate` and `form`, as the experiment's; a pair is one of a corpus.
    """
    predictions = translator.translate([pair.source for pair in pairs])
    rows = [
        {"source": pair.source, "target": pair.target, "prediction": prediction}
        for pair, prediction in zip(pairs, predictions, strict=True)
    ]
    if translator.form.languages:
        for row, pair in zip(rows, pairs, strict=True):
            row["plain_source"] = translator.form.plain(pair.source, 0)
            row["plain_target"] = pair.raw_target or translator.form.plain(pair.target)
            row["plain_prediction"] = translator.form.plain(row["prediction"])
    return rows


def show_rows(run: Run, name: str, rows: Rows) -> None:
    """Show the first rows in TensorBoard, under `name`."""
    run.text(name, markdown_table(rows[:_SHOWN], ("source", "target", "prediction")))


def keep_rows(run: Run, rows: Rows) -> None:
    """Keep the rows of a test set as the run's samples, and show the first."""
    run.samples("test", list(rows))
    show_rows(run, "test_samples", rows)


def how_scored(tokeniser: Any, tokenised: bool) -> dict[str, Any]:
    """How sacreBLEU is to read texts: tokens as they stand, or plain text by its own tokeniser 13a."""
    lowercase = bool(getattr(tokeniser, "lowercase", False))
    return {"lowercase": lowercase, "tokenize": "none" if tokenised else "13a"}


def rows_bleu(rows: Rows, lowercase: bool, tokenize: str) -> float:
    """Return the corpus BLEU of the rows, 0 to 100."""
    hypotheses, references = _columns(rows, "prediction", "target")
    score: float = bleu(hypotheses, references, lowercase, tokenize)["score"]
    return score


def rows_scores(rows: Rows, lowercase: bool, tokenize: str, is_long: Callable[[str], bool]) -> dict[str, Any]:
    """Return BLEU and chrF with their signatures, of plain text as `_cased`, and `bleu_long`.

    That is the BLEU of the rows whose source `is_long`, left out where there are none.
    """
    found = _columns(rows, "prediction", "target")
    scores = translation_scores(*found, lowercase=lowercase, tokenize=tokenize)
    if long := [row for row in rows if is_long(row["source"])]:
        scores["bleu_long"] = rows_bleu(long, lowercase, tokenize)
    if "plain_target" in rows[0]:
        plain = _columns(rows, "plain_prediction", "plain_target")
        scores |= translation_scores(*plain, suffix="_cased")
    return scores


def _columns(rows: Rows, hypotheses: str, references: str) -> tuple[list[str], list[str]]:
    return [row[hypotheses] for row in rows], [row[references] for row in rows]
