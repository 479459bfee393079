"""Is one run's translation of a test set better than another's, or is it luck? sacreBLEU's paired tests.

Runs are compared in each form that all of them are scored in, which is its own texts, references and
signature: lower-cased tokens, say, and plain text. Figures of one form say nothing about another.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from attnrun.errors import UserError
from attnrun.escape import truncate
from attnrun.runs.find import RunRecord
from attnrun.runs.samples import read_samples

Test = Literal["bootstrap", "randomisation"]
TESTS: dict[Test, tuple[str, int]] = {"bootstrap": ("bs", 1000), "randomisation": ("ar", 10_000)}
_MOST = {"bootstrap": 20_000_000, "randomisation": 100_000_000}  # samples x sentences, in about 2 GiB
_PLAIN = "plain_"  # begins the columns of plain text beside those of tokens
_CASES, _TOKENISERS = {"lc": True, "mixed": False}, ("none", "13a")  # of the signatures that runs write


@dataclass(frozen=True)
class Form:
    """How texts are read to be scored; equal where scores may stand beside each other."""

    lowercase: bool
    tokenize: str

    def __str__(self) -> str:
        letters = "lower-cased" if self.lowercase else "cased"
        return f"{letters} {'tokens' if self.tokenize == 'none' else 'text'}"


@dataclass(frozen=True)
class Texts:
    """The test set of a run in one form, and what the run made of it."""

    sources: list[str]
    references: list[str]
    hypotheses: list[str]


@dataclass(frozen=True)
class Figure:
    """A score, the mean of its resamples, half the width of their 95 % interval, and p against the first."""

    score: float
    mean: float
    interval: float
    p_value: float | None


@dataclass(frozen=True)
class Comparison:
    """The figures of each run in one form, with the signatures that make them comparable."""

    form: Form
    sentences: int
    signatures: dict[str, str]  # by metric: bleu, chrf
    figures: dict[str, list[Figure]]  # by metric, in the order of the runs


class NotScored(UserError):
    """A run whose test set has no BLEU, or several that are scored in no common form."""


def read_forms(directory: Path) -> dict[Form, Texts]:
    """Return the test set of a finished run in each form that it is scored in.

    Raises UserError where the run is not finished or is damaged, NotScored where it is not scored by BLEU.
    """
    record = RunRecord(directory)
    if record.config and record.status != "done":
        raise UserError(f"the run {directory} is {record.status}, not finished")
    forms = {
        prefix: _form(record, name)
        for prefix, name in (("", "bleu_signature"), (_PLAIN, "bleu_cased_signature"))
        if name in record.metrics
    }
    if not forms:
        raise NotScored(f"{directory} is a run of {record.experiment}, whose test set has no BLEU")
    rows = list(read_samples(directory, "test"))
    return {form: _texts(rows, prefix, directory) for prefix, form in forms.items()}


def read_common(directories: Sequence[Path]) -> dict[Form, list[Texts]]:
    """Return the test set in each form that all runs are scored in, as each run has it, in their order.

    Raises UserError where a run is not finished or is damaged, NotScored where there is no such form.
    """
    every = [read_forms(directory) for directory in directories]
    common = [form for form in every[0] if all(form in forms for forms in every)]
    if not common:
        pairs = zip(directories, every, strict=True)
        told = "; ".join(f"{path}: {', '.join(map(str, forms))}" for path, forms in pairs)
        raise NotScored(f"these runs are scored in no common form ({told})")
    return {form: [forms[form] for forms in every] for form in common}


def compare(
    directories: Sequence[Path], test: Test = "bootstrap", samples: int | None = None
) -> list[Comparison]:
    """Compare the runs with the first, in each form that they all have.

    Tests are sacreBLEU's (Post 2018): the bootstrap of Koehn 2004, paired, or approximate randomisation as
    in Clark et al. 2011; `samples` is how often is drawn, None for its own default. The seed is its own too
    (SACREBLEU_SEED).

    Raises:
        UserError: the test sets differ, or have no form in common; the samples are too many for memory.
    """
    common = read_common(directories)
    for texts in common.values():
        require_same(directories, texts)
    return [_compared(form, texts, test, samples) for form, texts in common.items()]


def require_same(directories: Sequence[Path], texts: Sequence[Texts]) -> None:
    """Raise UserError where the test set of a run is not that of the first."""
    for directory, one in zip(directories[1:], texts[1:], strict=True):
        _require_same(directories[0], texts[0], directory, one)


def _form(record: RunRecord, name: str) -> Form:
    """The form that a signature of the result tells."""
    parts = dict(part.split(":", 1) for part in str(record.metrics[name]).split("|") if ":" in part)
    if parts.get("case") not in _CASES or parts.get("tok") not in _TOKENISERS:
        raise UserError(f"the run {record.directory} is damaged: no run has such a {name}")
    return Form(_CASES[parts["case"]], parts["tok"])


def _texts(rows: list[dict[str, Any]], prefix: str, directory: Path) -> Texts:
    columns = []
    for name in ("source", "target", "prediction"):
        column = [text for row in rows if isinstance(text := row.get(prefix + name), str)]
        if not rows or len(column) < len(rows):
            raise UserError(f"the run {directory} is damaged: no {prefix}{name} in samples/test.jsonl")
        columns.append(column)
    return Texts(*columns)


def _require_same(first: Path, one: Texts, second: Path, other: Texts) -> None:
    counts = len(one.sources), len(other.sources)
    if counts[0] != counts[1]:
        raise UserError(f"the test set of {first} has {counts[0]} sentences, that of {second} {counts[1]}")
    for side, ours, theirs in (
        ("source", one.sources, other.sources),
        ("target", one.references, other.references),
    ):
        for place, (text, another) in enumerate(zip(ours, theirs, strict=True), 1):
            if text != another:
                shown = " and ".join(repr(truncate(part, 60)) for part in (text, another))
                raise UserError(
                    f"the test sets of {first} and {second} differ: {side} of sentence {place}: {shown}"
                )


def _compared(form: Form, texts: list[Texts], test: Test, samples: int | None) -> Comparison:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.significance import PairedTest

    kind, default = TESTS[test]
    count, sentences = samples or default, len(texts[0].sources)
    if count * sentences > _MOST[test]:
        most = _MOST[test] // sentences
        raise UserError(f"{count} samples of {sentences} sentences need too much memory; --samples {most}")
    _require_seed()
    metrics = {
        "BLEU": BLEU(lowercase=form.lowercase, tokenize=form.tokenize, force=True),
        "chrF2": CHRF(lowercase=form.lowercase),
    }
    systems: list[tuple[str, Sequence[str]]] = [
        (str(place), one.hypotheses) for place, one in enumerate(texts)
    ]
    intervals = TESTS["bootstrap"][1] if kind == "ar" else -1  # resamples; the bootstrap has them anyway
    signatures, found = PairedTest(systems, metrics, [texts[0].references], kind, count, intervals)()
    names = dict(zip(("bleu", "chrf"), metrics, strict=True))
    return Comparison(
        form,
        sentences,
        {name: str(signatures[theirs]) for name, theirs in names.items()},
        {name: [_figure(one) for one in found[theirs]] for name, theirs in names.items()},
    )


def _require_seed() -> None:
    seed = os.environ.get("SACREBLEU_SEED", "")
    if seed and not seed.isdecimal() and seed.lower() != "none":
        raise UserError(f"SACREBLEU_SEED={seed} is no number; sacreBLEU takes its seed from there")


def _figure(result: Any) -> Figure:
    return Figure(float(result.score), float(result.mean), float(result.ci), result.p_value)
