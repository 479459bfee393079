"""Tables of sweeps, from runs that are only said to have ended."""

from types import SimpleNamespace
from typing import Any

from rich.console import Console

from attnrun.cli.sweeps import shared_texts, sweep_tables


def _run(status: str = "done", seconds: float = 1.0, **metrics: Any) -> Any:
    return SimpleNamespace(status=status, metrics=metrics, result={"seconds": seconds})


def _shown(runs: list[Any], words: list[list[str]]) -> str:
    console = Console(width=90, no_color=True)
    with console.capture() as capture:
        for table in sweep_tables(runs, words, 90):
            console.print(table)
    return capture.get()


def test_a_text_that_all_runs_share_is_no_column() -> None:
    runs = [_run(bleu=score, how="tok:13a", best="epoch 3") for score in (1.5, 2.5)]
    runs[1].metrics["best"] = "epoch 5"
    assert shared_texts([*runs, _run("failed")]) == {"how": "tok:13a"}
    shown = _shown(runs, [["a=1"], ["a=2"]])
    assert "tok:13a" not in shown and "epoch 3" in shown and "epoch 5" in shown


def test_seeds_share_the_row_of_their_choice() -> None:
    runs = [_run(bleu=score, seconds=seconds) for score, seconds in ((3.0, 1.0), (9.0, 4.0), (5.0, 2.0))]
    words = [["seed=1", "a=1"], ["seed=2", "a=1"], ["seed=1", "a=2"]]
    first, second = (line.split() for line in _shown(runs, words).splitlines() if line.startswith(" a="))
    assert first == ["a=1", "2", "6", "(3", "to", "9)", "2.5", "(1", "to", "4)"]
    assert second == ["a=2", "1", "5", "2"]


def test_failed_runs_have_no_row() -> None:
    assert "a=2" not in _shown([_run(bleu=1.0), _run("failed")], [["a=1"], ["a=2"]])
    assert _shown([_run("failed")], [["a=1"]]) == ""
