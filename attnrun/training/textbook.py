"""The two figures that Zhang et al., Dive into Deep Learning (zh), print of a translator (9.7, 10.4)."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from annotated_types import MinLen

from attnrun.errors import UserError
from attnrun.ranges import PositiveInt
from attnrun.runs.find import RunRecord
from attnrun.runs.run import Run
from attnrun.training.scoring import translated_rows


@dataclass(frozen=True)
class Textbook:
    """What the figures are of.

    Attributes:
        steps: the length to which they pad every sentence, and over which they average its loss.
        phrases: the texts they translate, with their references, tokens with spaces between them.
    """

    steps: PositiveInt
    phrases: Annotated[list[tuple[str, str]], MinLen(1)]

    def __post_init__(self) -> None:
        for phrase in self.phrases:
            if not all(side.strip() for side in phrase):
                raise UserError(f"textbook.phrases: {list(phrase)} has an empty side")

    def report(self, translator: Any, run: Run, losses: str) -> dict[str, float]:
        """Translate the phrases, save them with their BLEU, and return the two figures.

        `losses` names what the run logged as the cross-entropy a target token, in nats; the last one counts.
        Theirs is the mean over all steps, padding as 0, summed over sentences and divided by the target
        tokens; it is theirs only where no target has more than `steps` tokens, and without label smoothing.
        """
        rows = translated_rows(translator, [_Phrase(*phrase) for phrase in self.phrases])
        bleus = [textbook_bleu(row["prediction"].split(), row["target"].split()) for row in rows]
        run.samples("phrases", [{**row, "bleu": score} for row, score in zip(rows, bleus, strict=True)])
        loss = [row[losses] for row in RunRecord(run.directory).metrics_rows() if losses in row][-1]
        return {
            "train_loss": loss,
            "textbook_loss": loss / self.steps,
            "textbook_bleu": sum(bleus) / len(bleus),
        }


class _Phrase(NamedTuple):
    source: str
    target: str
    raw_target: str | None = None


def textbook_bleu(hypothesis: Sequence[str], reference: Sequence[str], most: int = 2) -> float:
    """Return the BLEU of one sentence, 0..1, as Zhang et al., Dive into Deep Learning, section 9.7.6, has it.

    Its precisions of n tokens, n to `most`, weigh 1/2^n each: a score of a few short phrases can use it, and
    nothing else is comparable with it. 0 where the hypothesis has fewer than `most` tokens.
    """
    if len(hypothesis) < most:
        return 0.0
    score = math.exp(min(0.0, 1 - len(reference) / len(hypothesis)))
    for size in range(1, most + 1):
        counts = [Counter(_ngrams(tokens, size)) for tokens in (hypothesis, reference)]
        score *= ((counts[0] & counts[1]).total() / counts[0].total()) ** (0.5**size)
    return score


def _ngrams(tokens: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[start : start + size]) for start in range(len(tokens) - size + 1)]
