"""Recordings of speech with what is said in them, in splits: digits of our own making, by speakers unheard.

T samples of a recording.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Le

from attnrun.data.formants import DIGITS, RATE, draw_speaker, speak
from attnrun.errors import UserError
from attnrun.ranges import PositiveInt

Digits = Annotated[int, Ge(1), Le(20)]  # of a recording
_SPLITS = ("train", "valid", "test")


class Recording(NamedTuple):
    """Somebody speaking."""

    name: str
    samples: np.ndarray  # (T,) float32, from -1 to 1
    text: str
    speaker: str  # "" where nobody knows


@dataclass(frozen=True)
class Recordings:
    """Recordings of `rate` samples a second in the splits `train`, `valid` and `test`."""

    rate: int
    train: list[Recording]
    valid: list[Recording]
    test: list[Recording]


def fingerprint(recordings: Sequence[Recording]) -> str:
    """Return a hash of what is heard and said, in their order."""
    found = hashlib.sha256()
    for one in recordings:
        found.update(hashlib.sha256(one.samples.tobytes()).digest())
        found.update(hashlib.sha256(one.text.encode("utf-8", "surrogatepass")).digest())
    return found.hexdigest()


def spoken_digits(
    seed: int,
    *,
    speakers: PositiveInt = 400,
    minimum_digits: Digits = 2,
    maximum_digits: Digits = 5,
    train: PositiveInt = 3000,
    valid: PositiveInt = 150,
    test: PositiveInt = 500,
) -> Recordings:
    """Make recordings of English digits in a row, a pure function of the arguments.

    No speaker is in two splits, and no two splits share a random number. `speakers` are those to train on; a
    quarter as many, at least one, are to validate on, and as many again to test on.

    Raises UserError where there are fewer digits at most than at least.
    """
    if minimum_digits > maximum_digits:
        raise UserError(f"data.minimum_digits={minimum_digits} is above data.maximum_digits={maximum_digits}")
    counts = dict(zip(_SPLITS, (train, valid, test), strict=True))
    several = {"train": speakers, "valid": max(1, speakers // 4), "test": max(1, speakers // 4)}
    lengths = range(minimum_digits, maximum_digits + 1)
    made = {name: _made(seed, name, counts[name], several[name], lengths) for name in _SPLITS}
    return Recordings(RATE, **made)


def _made(seed: int, split: str, count: int, speakers: int, lengths: range) -> list[Recording]:
    generator = np.random.default_rng([seed, _SPLITS.index(split)])
    people = [draw_speaker(generator) for _ in range(speakers)]
    digits = list(DIGITS)
    found = []
    for number in range(count):
        who = number % speakers
        words = [digits[place] for place in generator.integers(0, len(digits), generator.choice(lengths))]
        samples = speak(words, people[who], generator)
        found.append(Recording(f"{split}-{number}", samples, " ".join(words), f"{split}-{who}"))
    return found
