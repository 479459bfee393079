"""What `attnrun compare` draws as a line a group: a logged metric over steps, and BLEU by length."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnrun.analysis.group_lines import Line, group_lines, line
from attnrun.cli.gathering import Gathered, Member, named
from attnrun.errors import UserError, nearest
from attnrun.runs.board import is_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NO_TAGS = ("step", "epoch", "time")
_SHOWN = 8  # names in one line
_LATEST = 2**53  # steps; greater ones are no numbers to a figure
_LARGEST = 1e50  # a value that a figure can draw; float32 ends before it

Points = dict[float, float]  # a value by step, or by the number of a bin


@dataclass(frozen=True)
class Curves:
    """A metric that runs logged, over their steps."""

    tag: str
    lines: list[Line]
    notes: list[str]

    def figure(self, groups: Sequence[str], of: str) -> "Figure":
        """Draw the lines in the order of `groups`; `of` is what a mean is over."""
        return group_lines(_ordered(self.lines, groups), ("training steps", self.tag), of=of)

    def document(self) -> dict[str, Any]:
        """Return what is drawn as JSON has it."""
        groups = [_figures(one, "steps", one.places) for one in self.lines]
        return {"curves": {"metric": self.tag, "groups": groups}}


@dataclass(frozen=True)
class Lengths:
    """BLEU by the length of sources; `words` and `sentences` are of each bin, a place of the lines."""

    form: str
    words: list[str]
    sentences: list[int]
    lines: list[Line]
    notes: tuple[str, ...] = ()

    def figure(self, groups: Sequence[str], of: str) -> "Figure":
        """Draw the lines in the order of `groups`; `of` is what a mean is over."""
        names = "words of the source (test sentences)", f"BLEU (0 to 100), {self.form}"
        bins = enumerate(zip(self.words, self.sentences, strict=True))
        ticks = {place: f"{words}\n({count})" for place, (words, count) in bins}
        return group_lines(_ordered(self.lines, groups), names, of=of, ticks=ticks, from_zero=True)

    def document(self) -> dict[str, Any]:
        """Return what is drawn as JSON has it."""
        groups = [_figures(one, "words", self.words) for one in self.lines]
        return {"lengths": {"form": self.form, "sentences": self.sentences, "groups": groups}}


def curves(gathered: Gathered, metric: str | None) -> Curves:
    """Return what the runs logged of a metric, by group.

    `metric` is a logged tag, or a metric of results whose validation part is meant; None: that of the
    primary one, else of the loss, else the loss of training, whichever the most runs logged.

    Raises UserError where no run logged that, or the runs of no group did at one and the same step.
    """
    wanted = _wanted(gathered, metric)
    found = {member.record.directory: _logged(member, wanted) for member in gathered.members}
    counts = Counter(tag for tags in found.values() for tag in tags)
    tag = max(wanted, key=lambda tag: counts[tag])  # of equals the first
    if not counts[tag]:
        raise UserError(_unknown(wanted, metric, counts))
    groups = {
        group: [points for member in members if (points := found[member.record.directory].get(tag))]
        for group, members in gathered.groups.items()
    }
    lines = [line(group, runs) for group, runs in groups.items() if runs]
    drawn = [one for one in lines if one.places]
    if not drawn:
        raise UserError(f"the runs of no group have a step in common at which all logged {tag}")
    missing = [directory for directory, tags in found.items() if not tags.get(tag)]
    return Curves(tag, drawn, list(_notes(tag, missing, lines)))


def _wanted(gathered: Gathered, metric: str | None) -> list[str]:
    if metric is not None:
        return [metric] if "/" in metric else [metric, f"valid/{metric}"]
    primary = [f"valid/{gathered.primary[0]}"] if gathered.primary else []
    return [*primary, "valid/loss", "train/loss"]


def _logged(member: Member, wanted: Sequence[str]) -> dict[str, Points]:
    """The values of the tags that are wanted; others have none, but are named all the same."""
    found: dict[str, Points] = {}
    with suppress(OSError):  # a run that goes meanwhile
        for row in member.record.metrics_rows():
            step = row["step"]
            for tag, value in row.items():
                if tag not in _NO_TAGS and _can_be_drawn(step, value):
                    points = found.setdefault(tag, {})
                    if tag in wanted:
                        points[step] = float(value)
    return found


def _can_be_drawn(step: int, value: Any) -> bool:
    return abs(step) < _LATEST and is_number(value) and abs(value) < _LARGEST


def _unknown(wanted: Sequence[str], metric: str | None, tags: Mapping[str, int]) -> str:
    if not tags:
        return "these runs logged nothing over their steps that could be drawn"
    names = sorted(tags)
    listed = ", ".join(names[: 2 * _SHOWN]) + (", …" if len(names) > 2 * _SHOWN else "")
    if metric is None:
        return f"no run logged {' or '.join(wanted)}; choose by --metric from: {listed}"
    # Without a slash it is the end of a name, and of equal ends that of `valid/`, which comes last.
    ends = {name if "/" in metric else name.rpartition("/")[2]: name for name in names}
    close = nearest(metric, ends)
    meant = f"; did you mean {ends[close]!r}? They" if close else "; they"
    return f"no run logged {metric!r}{meant} logged: {listed}"


def _notes(tag: str, missing: Sequence[Path], lines: Sequence[Line]) -> Iterator[str]:
    if missing:
        yield f"logged no finite {tag}, and so without a part in its curves: {named(missing)}"
    partial = [
        f"{len(one.places)} of {len(one.places) + one.partial} of {one.group}" for one in lines if one.partial
    ]
    if partial:
        shown = ", ".join(partial[:_SHOWN]) + (
            f", … ({len(partial)} groups)" if len(partial) > _SHOWN else ""
        )
        yield f"{tag} is averaged only at steps that all runs of a group have: {shown}"


def lengths(gathered: Gathered) -> Lengths:
    """Return BLEU of the test set by the length of its sources, by group.

    Raises UserError where a run has no translations, or they are of different test sets or forms.
    """
    from attnrun.analysis.sample_scores import by_length

    directories = [member.record.directory for member in gathered.members]
    found = by_length(directories)
    runs: dict[Path, Points] = {
        directory: {number: row["bleu"][place] for number, row in enumerate(found["rows"])}
        for place, directory in enumerate(directories)
    }
    lines = [
        line(group, [runs[member.record.directory] for member in members])
        for group, members in gathered.groups.items()
    ]
    words, sentences = ([row[name] for row in found["rows"]] for name in ("words", "sentences"))
    return Lengths(found["form"], words, sentences, lines)


def _ordered(lines: Sequence[Line], groups: Sequence[str]) -> list[Line]:
    order = {group: place for place, group in enumerate(groups)}
    return sorted(lines, key=lambda one: order.get(one.group, len(order)))


def _figures(one: Line, name: str, places: Sequence[Any]) -> dict[str, Any]:
    return {
        "group": one.group,
        "runs": one.runs,
        name: list(places),
        "mean": one.mean,
        "low": one.low,
        "high": one.high,
    }
