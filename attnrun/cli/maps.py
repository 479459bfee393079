"""Translations with their attention maps on the terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from attnrun.analysis.maps import AttentionMap
from attnrun.analysis.terminal import render
from attnrun.cli.tables import literal, number, shown_path

_SHOWN_SCORES = ("bleu", "chrf", "bleu_long", "accuracy", "accuracy_long", "aer")


def show_translations(
    directory: Path,
    examples: Sequence[Mapping[str, str]],
    predictions: Sequence[str] | Sequence[Sequence[Any]],
    maps: Sequence[AttentionMap],
    pictures: Sequence[Path],
    scores: Mapping[str, Any] | None,
) -> None:
    """Print each sentence, its translation, its reference where known, and where the model looked.

    Instead of one translation there may be several candidates, which are shown with their scores.
    """
    console = Console(highlight=False)
    for index, (example, prediction) in enumerate(zip(examples, predictions, strict=True)):
        console.print(Text("source       ", "dim") + literal(example["source"]), soft_wrap=True)
        for text in _texts(prediction):
            console.print(Text("translation  ", "dim") + literal(text), soft_wrap=True)
        if "reference" in example:
            console.print(Text("reference    ", "dim") + literal(example["reference"]), soft_wrap=True)
        if index < len(maps):
            console.print(render(maps[index]))
            console.print(literal(f"  {shown_path(pictures[index])}"), soft_wrap=True)
        console.print()
    if scores:
        shown = ", ".join(f"{name} {number(scores[name])}" for name in _SHOWN_SCORES if name in scores)
        console.print(literal(f"test set: {shown} ({shown_path(directory)})"), soft_wrap=True)


def _texts(prediction: str | Sequence[Any]) -> list[str]:
    """A translation, or candidates with what ranks them and their log-probabilities."""
    if isinstance(prediction, str):
        return [prediction]
    found: Sequence[Any] = prediction
    return [f"{one.score:8.3f} {one.log_probability:8.3f}  {one.text}" for one in found]
