"""Spoken digits of our own making: what they depend on, and whether they sound as they should."""

import numpy as np
import pytest
import torch

from attnrun.data import formants
from attnrun.data.formants import DIGITS, RATE, Speaker, draw_speaker, speak
from attnrun.data.recordings import fingerprint, spoken_digits
from attnrun.errors import UserError

SIZES = {"train": 23, "valid": 5, "test": 7, "speakers": 11}


def test_recordings_depend_on_the_arguments_alone() -> None:
    found, again, other = (spoken_digits(seed, **SIZES) for seed in (3, 3, 4))
    for split in ("train", "valid", "test"):
        one, same, different = (getattr(data, split) for data in (found, again, other))
        assert len(one) == SIZES[split] and fingerprint(one) == fingerprint(same) != fingerprint(different)
    renamed = [one._replace(text="one") for one in found.train]
    assert len({fingerprint(found.train), fingerprint(renamed), fingerprint(found.train[1:])}) == 3


def test_the_number_of_threads_changes_nothing() -> None:
    sizes = {"train": 2, "valid": 1, "test": 1, "speakers": 1}
    threads, found = torch.get_num_threads(), set()
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            long = spoken_digits(3, **sizes, minimum_digits=20, maximum_digits=20)  # for torch to share out
            assert len(long.train[0].samples) > 2**15
            found.add(fingerprint(long.train))
    finally:
        torch.set_num_threads(threads)
    assert len(found) == 1


def test_speakers_are_in_one_split_alone_and_digits_in_the_range_asked_for() -> None:
    found = spoken_digits(1, train=60, valid=9, test=9, speakers=8, minimum_digits=3, maximum_digits=4)
    splits = (found.train, found.valid, found.test)
    assert [len({one.speaker for one in part}) for part in splits] == [8, 2, 2]
    assert len({one.speaker for part in splits for one in part}) == 12
    assert {len(one.text.split()) for part in splits for one in part} == {3, 4}
    assert {word for one in found.train for word in one.text.split()} == set(DIGITS)
    for one in found.train:
        assert one.samples.dtype == np.float32 and 0.1 < np.abs(one.samples).max() < 1
        assert 0.15 < len(one.samples) / found.rate / len(one.text.split()) < 1.2  # seconds a digit


def test_more_at_least_than_at_most_is_refused() -> None:
    with pytest.raises(UserError, match=r"data.minimum_digits=5 is above data.maximum_digits=2"):
        spoken_digits(0, minimum_digits=5, maximum_digits=2)


def quiet(pitch: float = 100.0, tract: float = 1.0, noise: float = 0.0) -> Speaker:
    """Somebody who speaks as the table says."""
    return Speaker(pitch, tract, 3.0, 0.0, np.ones((len(formants._NAMES), 3)), noise)


def spectrum(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 2**15)) ** 2
    return np.fft.rfftfreq(2**15, 1 / RATE), power


@pytest.mark.parametrize(
    "digit, first, second", [("three", 270, 2290), ("two", 300, 870), ("four", 570, 840)]
)
@pytest.mark.parametrize("tract", [1.0, 1.2])
def test_a_vowel_has_its_formants(digit: str, first: int, second: int, tract: float) -> None:
    """Where its spectrum, smoothed over harmonics, is louder than about it."""
    generator = np.random.default_rng(0)
    samples = speak([digit], quiet(70.0, tract), generator)
    sounds = DIGITS[digit].split()
    vowel = next(n for n, name in enumerate(sounds) if name in ("IY", "UW", "AO"))
    lengths = np.array([formants._TABLE[formants._NAMES.index(name), 6] for name in sounds]) * 3.0
    start = lengths[:vowel].sum() + 0.1
    middle = int((start + lengths[vowel] / 2) * RATE)
    frequencies, power = spectrum(samples[middle - 600 : middle + 600])
    envelope = np.convolve(power, np.hanning(600), "same")

    def loudness(hertz: float) -> float:
        return float(np.log(envelope[np.abs(frequencies - hertz).argmin()]))

    for formant in (first * tract, second * tract):
        assert loudness(formant) > loudness(formant + 0.6 * (second - first) * tract / 2 + 150)


def test_a_voice_has_its_pitch() -> None:
    samples = speak(["four", "four"], quiet(120.0), np.random.default_rng(1))
    part = samples[int(0.55 * RATE) : int(0.75 * RATE)]
    correlation = np.correlate(part, part, "full")[len(part) - 1 :]
    period = 40 + int(correlation[40:130].argmax())  # 200 to 61 Hz
    assert 0.65 * 120 < RATE / period < 1.1 * 120


def test_a_hiss_lies_above_a_vowel() -> None:
    samples = speak(["six"], quiet(), np.random.default_rng(2))
    frequencies, hiss = spectrum(samples[int(0.2 * RATE) : int(0.35 * RATE)])
    assert hiss[frequencies > 3000].sum() > 5 * hiss[frequencies < 2000].sum()


def test_noise_of_the_room_has_the_loudness_that_is_said() -> None:
    clean, noisy = (speak(["one"], quiet(noise=level), np.random.default_rng(4)) for level in (0.0, 0.1))
    scaled = noisy * (clean @ noisy) / (noisy @ noisy)
    rest = np.sqrt(np.mean((scaled - clean) ** 2) / np.mean(clean**2))
    assert rest == pytest.approx(0.1, rel=0.1)


def test_higher_voices_have_shorter_tracts() -> None:
    people = [draw_speaker(np.random.default_rng(n)) for n in range(200)]
    assert np.corrcoef([one.tract for one in people], [one.pitch for one in people])[0, 1] > 0.8
    assert min(one.pitch for one in people) > 60 and max(one.pitch for one in people) < 400
