"""`attnrun align`: how far links between words agree with gold ones, an aligner's or a trained model's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from attnrun.cli.complete import complete_run
from attnrun.cli.ends import echo_json, say
from attnrun.cli.options import AsJson, OptionalRunName, Trust
from attnrun.errors import UserError

_NOTICED = 0.1  # of the error rate: from there on another base is told of


Joining = Literal["intersection", "union", "grow-diagonal"]
Base = Annotated[
    int | None,
    typer.Option("--gold-base", min=0, max=1, help="What --gold counts a sentence's first token as."),
]


def align(
    run: OptionalRunName = None,
    gold: Annotated[
        str | None,
        typer.Option(
            "--gold",
            metavar="FILE",
            help="Gold links, a line a pair: 0-0 1p2. None: those of the run's corpus.",
        ),
    ] = None,
    gold_base: Base = None,
    hypothesis: Annotated[
        str | None,
        typer.Option("--hypothesis", metavar="FILE", help="Links of any aligner, in place of a run."),
    ] = None,
    hypothesis_base: Annotated[
        int | None, typer.Option("--hypothesis-base", min=0, max=1, help="As --gold-base, for --hypothesis.")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            "--text", metavar="FILE", help="The pairs: source, tab or |||, target; words between spaces."
        ),
    ] = None,
    reverse: Annotated[
        str | None,
        typer.Option(
            "--reverse",
            metavar="RUN",
            help="A run of the other direction, to join.",
            autocompletion=complete_run,
        ),
    ] = None,
    symmetrise: Annotated[
        Joining | None, typer.Option("--symmetrise", help="How to join them; grow-diagonal by default.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", min=0, max=1, help="Link weights above it, not the strongest of a word."),
    ] = None,
    development: Annotated[
        float | None,
        typer.Option(
            "--development", min=0.01, max=0.99, help="Share of the pairs to choose layer and head by: 0.2."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the links of all pairs there, a line a pair."
        ),
    ] = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Score word alignments against gold ones.

    Error rate, precision, recall, F1. Of a run the layer, the head, and whether a word's row is where the
    model looked to write it or after it, are chosen on some pairs and judged on the others.
    """
    if (run is None) == (hypothesis is None):
        raise UserError("give a RUN, or --hypothesis with the links of another aligner")
    if hypothesis is not None:
        beside: dict[str, Any] = {"--reverse": reverse, "--symmetrise": symmetrise}
        beside |= {"--threshold": threshold, "--development": development, "--output": output}
        _refuse(beside, "is for a RUN, whose weights are there; --hypothesis gives links")
        document = _compare_files(hypothesis, hypothesis_base, gold, gold_base, text)
    else:
        from attnrun.cli.align_run import Way, align_run

        _refuse({"--hypothesis-base": hypothesis_base}, "is for --hypothesis; a run counts by itself")
        if gold is None:
            _refuse({"--gold-base": gold_base}, "needs --gold, the file that it is of")
        if reverse is None:
            _refuse({"--symmetrise": symmetrise}, "needs --reverse, a run to join")
        how = Way(symmetrise or "grow-diagonal", threshold, development, output, tuple(trust or ()))
        document = align_run(str(run), reverse, (text, gold, gold_base), how)
    if as_json:
        echo_json(document)
    else:
        _show(document)


def _refuse(options: dict[str, Any], why: str) -> None:
    for name, given in options.items():
        if given is not None:
            raise UserError(f"{name} {why}")


def _compare_files(
    hypothesis: str, hypothesis_base: int | None, gold: str | None, gold_base: int | None, text: str | None
) -> dict[str, Any]:
    from attnrun.data.link_files import read_link_file

    if gold is None:
        raise UserError("--hypothesis needs --gold, the links to hold it against")
    right = told_base(read_link_file(gold, gold_base), gold_base, "--gold-base")
    found = told_base(read_link_file(hypothesis, hypothesis_base), hypothesis_base, "--hypothesis-base")
    found = found.of(len(right.lines), gold) if len(found.lines) >= len(right.lines) else found
    right = right.of(len(found.lines), hypothesis)
    if text is not None:
        sizes = [(len(source.split()), len(target.split())) for source, target in read_pairs(text)]
        found, right = (told_within(file.of(len(sizes), text), sizes) for file in (found, right))
    scores = _agreement(found, right)
    _notice_base(found, right, scores)
    counts = {
        "links": sum(len(line.possible) for line in found.lines),
        "sure": sum(len(line.sure) for line in right.lines),
        "possible": sum(len(line.possible - line.sure) for line in right.lines),
        "pairs": len(right.lines),
    }
    return {**scores, **counts, "hypothesis_base": found.base, "gold_base": right.base}


def _agreement(found: Any, right: Any) -> dict[str, float]:
    from attnrun.analysis.alignment import agreement

    gold = [line.sure for line in right.lines], [line.possible for line in right.lines]
    scores = agreement([line.possible for line in found.lines], *gold)
    if "aer" not in scores:
        raise UserError(f"neither {found.path} nor {right.path} holds a link")
    return scores


def _notice_base(found: Any, right: Any, scores: dict[str, float]) -> None:
    """Say so where another number of the first token brings much more agreement."""
    for file, option in ((right, "--gold-base"), (found, "--hypothesis-base")):
        base = 1 - file.base
        if base == 1 and any(0 in link for line in file.lines for link in line.possible):
            continue
        other = file.from_base(base)
        pair = (found, other) if file is right else (other, right)
        aer = _agreement(*pair)["aer"]
        if aer < scores["aer"] - _NOTICED:
            told = f"the error rate is {scores['aer']:.4f} with {option} {file.base}, and would be {aer:.4f}"
            say(f"{file.path}: {told} with {option} {base}; is the base right?")


def told_base(file: Any, given: int | None, option: str) -> Any:
    """Return the file, having said which number of the first token it was taken to have."""
    if given is None and file.base == 1:
        say(f"{file.path}: no link names a token 0, so the first is number 1; {option} says otherwise")
    return file


def told_within(file: Any, sizes: Sequence[tuple[int, int]]) -> Any:
    """Return the file with the links that sentences of so many words have, having named the others."""
    from attnrun.data.link_files import Size

    kept, message = file.within([Size(*size) for size in sizes])
    if message:
        say(f"{file.path}: {message}")
    return kept


def read_pairs(path: str) -> list[tuple[str, str]]:
    """Return source and target of each line, between which a tab or ||| stands."""
    from attnrun.data.reading import read_lines

    pairs = []
    for place, line in read_lines(path):
        source, mark, target = line.partition("\t" if "\t" in line else "|||")
        if not mark:
            raise UserError(f"{place}: no tab and no ||| between source and target")
        pairs.append((source.strip(), target.partition("\t")[0].strip()))
    return pairs


def _show(document: dict[str, Any]) -> None:
    from attnrun.cli.tables import figures_table, number, print_figures

    for prefix in ("", "reverse_"):
        if f"{prefix}chosen" in document:
            _show_heads(document[f"{prefix}development"], document[f"{prefix}chosen"])
    table = figures_table("", "value")
    for name in ("aer", "precision", "recall", "f1", "links", "sure", "possible", "pairs"):
        if name in document:
            table.add_row(name, number(document[name]))
    print_figures(table)


def _show_heads(development: dict[str, Any], chosen: dict[str, Any]) -> None:
    from attnrun.cli.tables import figures_table, number, print_figures

    heads: list[dict[str, Any]] = development["heads"]
    shifts = sorted({row["shift"] for row in heads})
    names = {0: "to write the word", 1: "after the word"}
    table = figures_table("layer", "head", *(names[shift] for shift in shifts))
    places = dict.fromkeys((row["layer"], row["head"]) for row in heads)
    found = {(row["layer"], row["head"], row["shift"]): row["aer"] for row in heads}
    for layer, head in sorted(places, key=lambda place: (-1, -1) if place[0] is None else place):
        told = ("mean", "") if layer is None else (str(layer), str(head))
        table.add_row(*told, *(number(found[layer, head, shift]) for shift in shifts))
    print_figures(table)
    one = f"layer {chosen['layer']}, head {chosen['head']}"
    which = "the mean over all" if chosen["layer"] is None else one
    say(f"error rate on {development['pairs']} pairs; chosen: {which}, {names[chosen['shift']]}")
