"""The sections of a textbook: their claims, their trainings with what it prints of them, their exercises."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from attnrun.analysis.comparing import Summary, summarise
from attnrun.claims.catalog import ReadClaim, read_claim
from attnrun.claims.measuring import Measured, measure, plain_summary
from attnrun.claims.training import trained
from attnrun.errors import RunFailed, UserError, suggest
from attnrun.launch.catalog import Entry, entries, read_node
from attnrun.launch.schema import build
from attnrun.ranges import PositiveInt

Tell = Callable[[str], object]


@dataclass(frozen=True)
class Training:
    """A training that a section shows.

    Attributes:
        what: one line.
        words: an experiment with its words, as after `attnrun train`.
        published: metric -> what the textbook prints for it, of one seed; None where it prints nothing.
        seeds: how many are trained, from 0 on.
        fast: words in the fast form beside these.
    """

    what: str
    words: str
    published: dict[str, float | None]
    seeds: PositiveInt = 3
    fast: str = ""


@dataclass(frozen=True)
class Exercise:
    """An exercise of the textbook, and a command to begin with."""

    what: str
    command: str


@dataclass(frozen=True)
class Section:
    """A section by its numbers in the Chinese and in the English edition: the keys of its YAML file."""

    zh: str
    en: str
    claims: list[str] = field(default_factory=list)
    trainings: list[Training] = field(default_factory=list)
    exercises: list[Exercise] = field(default_factory=list)


@dataclass(frozen=True)
class ReadSection:
    """A section with its place in the catalog and its claims read."""

    entry: Entry
    section: Section
    claims: list[ReadClaim]


@dataclass(frozen=True)
class Reproduced:
    """What became of a training: metric -> what was published, and what the seeds gave."""

    training: Training
    found: dict[str, tuple[float | None, Summary]]

    def plain(self) -> dict[str, Any]:
        """Return it as a part of a JSON document."""
        metrics = {name: plain_summary(found, published) for name, (published, found) in self.found.items()}
        return {"what": self.training.what, "words": self.training.words, "metrics": metrics}


def read_sections() -> list[ReadSection]:
    """Return all sections, in their order.

    Raises UserError where something in a file is wrong.
    """
    found = [_read(entry) for entry in entries("section")]
    return sorted(found, key=lambda one: [int(part) for part in one.section.en.split(".")])


def find_section(number: str) -> ReadSection:
    """Return the section with this number in either edition.

    Raises UserError where there is none.
    """
    sections = read_sections()
    numbers = {number: one for one in sections for number in (one.section.zh, one.section.en) if number}
    if number not in numbers:
        raise UserError(f"no section {number!r}{suggest(number, numbers)}")
    return numbers[number]


def reproduce(
    one: ReadSection, fast: bool = False, tell: Tell = lambda what: None
) -> tuple[list[Measured], list[Reproduced], list[str]]:
    """Measure the claims of a section and train what it trains; `tell` hears what comes next.

    What cannot be measured, such as a claim about a corpus that cannot be downloaded, is told and left out;
    the last of what is returned names it.
    """
    measured, trained_here, missing = list[Measured](), list[Reproduced](), list[str]()
    for claim in one.claims:
        tell(f"claim {claim.name}")
        with _naming(claim.name, missing, tell):
            measured.append(measure(claim, fast))
    for training in one.section.trainings:
        with _naming(training.what, missing, tell):
            trained_here.append(_train(training, fast, tell))
    return measured, trained_here, missing


@contextmanager
def _naming(what: str, missing: list[str], tell: Tell) -> Iterator[None]:
    try:
        yield
    except (UserError, RunFailed) as error:
        tell(f"{what}: {error}")
        missing.append(what)


def _read(entry: Entry) -> ReadSection:
    try:
        section: Section = build(Section, read_node(entry.path))
        return ReadSection(entry, section, [read_claim(name) for name in section.claims])
    except UserError as error:
        raise UserError(f"section {entry.name}: {error}") from None


def _train(training: Training, fast: bool, tell: Tell) -> Reproduced:
    words = shlex.split(f"{training.words} {training.fast if fast else ''}")
    results = []
    for seed in range(1 if fast else training.seeds):
        tell(f"attnrun train {shlex.join(words)} seed={seed}")
        results.append(trained(seed, words))
    values: dict[str, Sequence[float]] = {
        name: [float(metrics[name]) for metrics in results] for name in training.published
    }
    return Reproduced(
        training, {name: (training.published[name], summarise(values[name])) for name in values}
    )
