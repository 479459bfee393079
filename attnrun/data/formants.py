"""English digits as speech of our own making: a voice and noise, formed by the resonances of a mouth.

Source and filter as in Klatt 1980, Software for a cascade/parallel formant synthesizer, but with the filter
in the short-time spectrum, where it may change from frame to frame. T samples, N frames, K frequencies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

RATE = 8000  # samples a second
_HOP = 80  # samples between frames: 10 ms
_WINDOW = 2 * _HOP  # Hann windows that overlap by half add up to 1
_SIZE = 2 * _WINDOW  # of the transform: so that a resonance can fade away behind its window
_HIGHER = ((3500.0, 250.0), (4500.0, 300.0))  # formants above the third and bandwidths, Klatt's table I
_THIRD = 2400.0  # Hz, about where the third formant lies
_TILT = 900.0  # Hz, from where on a voice, as it leaves the lips, falls by 6 dB an octave
_HUM = 200.0  # Hz, the same for the noise around
_GLIDE = 5  # frames that one sound takes to become the next
_FADE = 3  # the same for loudness

# Formants F1 F2 F3 and bandwidths B1 B2 B3 in Hz, duration in ms, loudness of voice and of noise, and where
# the noise lies: centre and width in Hz. Vowels: Peterson and Barney 1952, table II, men. Diphthongs, whose
# two ends are marked 1 and 2, consonants and bandwidths: Klatt 1980, tables II and III. A closure before a
# plosive has a -. The rest is by ear.
_SOUNDS = """
IH   390 1990 2550  60  90 150  100 1    0     0     0
EH   530 1840 2480  60  90 200  110 1    0     0     0
IY   270 2290 3010  60  90 200  170 0.9  0     0     0
AH   640 1190 2390  80  60 140  110 1    0     0     0
AO   570  840 2410  80  60 110  150 1    0     0     0
UW   300  870 2240  65 110 140  180 0.9  0     0     0
AY1  660 1200 2550 100  70 200  110 1    0     0     0
AY2  400 1880 2500  70 100 200   90 0.9  0     0     0
EY1  480 1720 2520  70 100 200   90 1    0     0     0
EY2  330 2020 2600  55 100 200   90 0.9  0     0     0
OW1  540 1100 2300  80  70  70  100 1    0     0     0
OW2  450  900 2300  80  70  70  100 0.9  0     0     0
W    290  610 2150  50  80  60   70 0.6  0     0     0
R    310 1060 1380  70 100 120   70 0.7  0     0     0
N    480 1340 2470  40 300 300   90 0.4  0     0     0
V    220 1100 2080  60  90 120   60 0.4  0.05  3000  3000
Z    240 1390 2530  70  60 180   90 0.3  0.25  3900  900
F    340 1100 2080 200 120 150  110 0    0.12  3200  3000
TH   320 1290 2540 200  90 200  110 0    0.08  3600  2500
S    340 1390 2530 200  80 200  130 0    0.5   4000  800
T-   400 1600 2600 300 120 250   60 0    0     0     0
T    400 1600 2600 300 120 250   50 0    0.5   3600  1500
K-   300 1990 2850 250 160 330   60 0    0     0     0
K    300 1990 2850 250 160 330   50 0    0.4   2300  900
"""

DIGITS = {
    "zero": "Z IH R OW1 OW2",
    "one": "W AH N",
    "two": "T- T UW",
    "three": "TH R IY",
    "four": "F AO R",
    "five": "F AY1 AY2 V",
    "six": "S IH K- K S",
    "seven": "S EH V AH N",
    "eight": "EY1 EY2 T- T",
    "nine": "N AY1 AY2 N",
}  # as Klatt's sounds, in the ARPAbet


_NAMES = [row.split()[0] for row in _SOUNDS.strip().splitlines()]
_TABLE = np.array([row.split()[1:] for row in _SOUNDS.strip().splitlines()], dtype=np.float64)  # (sounds, 11)
_SECONDS, _VOICED, _NOISY = 6, 7, 8  # its columns, after three formants and three bandwidths
_TABLE[:, _SECONDS] /= 1000


@dataclass(frozen=True)
class Speaker:
    """Somebody's way of speaking."""

    pitch: float  # Hz
    tract: float  # formants as shares of the table's: above 1 in a shorter vocal tract
    pace: float  # durations as shares of the table's
    breath: float  # loudness of the noise in the voice
    accent: np.ndarray  # (sounds, 3) what the formants of each sound are multiplied by
    room: float  # loudness of the noise around, as a share of that of what is said


def draw_speaker(generator: np.random.Generator) -> Speaker:
    """Draw a speaker; the shorter the vocal tract, the higher the voice, as from men to women to children."""
    tract = generator.uniform(0.92, 1.3)
    return Speaker(
        pitch=110 * (tract / 0.95) ** 2.5 * generator.lognormal(0, 0.12),
        tract=tract,
        pace=generator.uniform(0.75, 1.25),
        breath=generator.uniform(0.01, 0.08),
        accent=generator.lognormal(0, 0.04, (len(_NAMES), 3)),
        room=10 ** generator.uniform(-1.75, -0.75),  # 35 to 15 dB below
    )


def speak(words: Sequence[str], speaker: Speaker, generator: np.random.Generator) -> np.ndarray:
    """Return the samples (T,) float32 from -1 to 1 of digits, `DIGITS` by name, `RATE` a second."""
    tracks = _tracks(words, speaker, generator)  # (N, 10)
    samples = (len(tracks) + 1) * _HOP
    turbulent = _spectra(generator.standard_normal(samples, dtype=np.float32))
    pulses = _spectra(_pulses(_pitch(samples, speaker, generator)))
    formants, bandwidths, (voice, noise, *band) = tracks[:, :3], tracks[:, 3:6], tracks[:, 6:, None].unbind(1)
    voiced = (_VOICE * pulses + speaker.breath * turbulent) * _mouth(formants, bandwidths) * voice
    spoken = _overlapped(voiced + turbulent * _bell(*band) * noise)
    hum = generator.standard_normal((samples // 2 + 1, 2), dtype=np.float32)
    softer = 1 + np.linspace(0, RATE / 2, len(hum), dtype=np.float32) / _HUM
    # by numpy: one long transform of torch's depends on the number of threads on some processors
    room = torch.from_numpy(np.fft.irfft(hum.view(np.complex64)[:, 0] / softer, samples).astype(np.float32))
    spoken += room * (speaker.room * _loudness(spoken) / _loudness(room))
    return (spoken * (generator.uniform(0.2, 0.9) / spoken.abs().max())).numpy()


def _loudness(samples: Tensor) -> float:
    """Root mean square; by numpy, whose sum does not depend on the number of threads."""
    return float(np.sqrt(np.square(samples.numpy(), dtype=np.float64).mean()))


def _tracks(words: Sequence[str], speaker: Speaker, generator: np.random.Generator) -> Tensor:
    """What the mouth does in each frame, (N, 10): the columns of the table without durations.

    Sounds follow and glide into each other, with silence before, between and after words.
    """
    said: list[tuple[int, float, float]] = []  # sound, seconds, loudness
    for word in words:
        sounds = [_NAMES.index(name) for name in DIGITS[word].split()]
        said.append((sounds[0], generator.uniform(0.02, 0.16), 0.0))
        stress = generator.uniform(0.7, 1.1)
        said += [(sound, _TABLE[sound, _SECONDS] * speaker.pace, stress) for sound in sounds]
    said.append((said[-1][0], generator.uniform(0.05, 0.2), 0.0))
    order, seconds, loudness = (np.array(column) for column in zip(*said, strict=True))
    seconds = seconds * generator.uniform(0.8, 1.2, len(said))
    rows = _TABLE[order]  # a copy
    rows[:, :3] *= speaker.accent[order] * speaker.tract
    rows[:, [_VOICED, _NOISY]] *= loudness[:, None]
    frames = np.maximum(2, np.rint(seconds * RATE / _HOP).astype(np.int64))
    steps = torch.from_numpy(np.repeat(rows.astype(np.float32), frames, axis=0))
    gliding = _smooth(steps[:, :_SECONDS], _GLIDE)
    return torch.cat([gliding, _smooth(steps[:, _VOICED : _NOISY + 1], _FADE), steps[:, _NOISY + 1 :]], 1)


def _smooth(values: Tensor, width: int) -> Tensor:
    """The mean of `width` frames, an odd number, about each of (N, columns); beyond the ends as at them."""
    padded = functional.pad(values.T[None], (width // 2, width // 2), mode="replicate")
    smoothed: Tensor = functional.avg_pool1d(padded, width, 1)[0].T
    return smoothed


def _pitch(samples: int, speaker: Speaker, generator: np.random.Generator) -> np.ndarray:
    """Hz at each sample (T,): falling as breath runs out, with slow waves and a slight unsteadiness."""
    time = np.arange(samples // _HOP + 1) * (_HOP / RATE)
    waves = 0.06 * np.sin(2 * np.pi * (generator.uniform(0.5, 2) * time + generator.uniform()))
    drift = generator.uniform(0.7, 1.0) ** (time / time[-1])
    hertz = speaker.pitch * drift * (1 + waves + generator.normal(0, 0.01, len(time)))
    pitch: np.ndarray = np.interp(np.arange(samples) / _HOP, np.arange(len(time)), hertz)
    return pitch


def _pulses(pitch: np.ndarray) -> np.ndarray:
    """A pulse (T,) each time that the glottis closes, shared by the two samples about it."""
    phase = np.cumsum(pitch / RATE)
    after = 1 + np.flatnonzero(np.floor(phase[1:]) > np.floor(phase[:-1]))
    late = (phase[after] % 1) / (pitch[after] / RATE)  # samples since it closed, 0 to 1
    found = np.zeros(len(pitch), np.float32)
    found[after] += 1 - late
    found[after - 1] += late
    return found


_FREQUENCIES = torch.arange(_SIZE // 2 + 1) * (RATE / _SIZE)  # (K,)
_VOICE = 12 / (1 + (_FREQUENCIES / _TILT) ** 2).sqrt()  # of a pulse, as it leaves the lips
_HANN = torch.hann_window(_WINDOW)


def _spectra(samples: np.ndarray) -> Tensor:
    """Of the frames of (T,): (N, K)."""
    spectra: Tensor = torch.fft.rfft(torch.from_numpy(samples).unfold(0, _WINDOW, _HOP) * _HANN, _SIZE)
    return spectra


def _mouth(formants: Tensor, bandwidths: Tensor) -> Tensor:
    """How much of each frequency formants (N, 3) in a row let through: (N, K).

    Each is |F² / (F² - f² + i f B)|, which is 1 at 0 Hz: the resonance of Klatt 1980, section I.A, without
    its phase. Those above the third move with it.
    """
    higher = (formants[:, 2:] / _THIRD).clamp(0.9, 1.3)
    pairs = [(formants[:, k, None], bandwidths[:, k, None]) for k in range(3)]
    pairs += [(higher * hertz, torch.tensor(width)) for hertz, width in _HIGHER]
    squares, found = _FREQUENCIES**2, torch.ones(())
    for centre, width in pairs:
        inverse = centre**-2  # (N, 1)
        found = found * ((1 - squares * inverse) ** 2 + squares * (inverse * width) ** 2)
    return found.rsqrt()


def _bell(centre: Tensor, width: Tensor) -> Tensor:
    """How loud noise about a centre (N, 1) is by frequency: (N, K)."""
    return 1 / (1 + (2 * (_FREQUENCIES - centre) / width.clamp_min(1)) ** 2)


def _overlapped(spectra: Tensor) -> Tensor:
    """The samples (T,) of spectra (N, K) of frames, which reach half a window beyond their ends."""
    frames = torch.fft.irfft(spectra, _SIZE).roll(_HOP, 1)
    parts = _SIZE // _HOP
    found = torch.zeros(len(frames) + parts - 1, _HOP)
    for part in range(parts):
        found[part : part + len(frames)] += frames[:, part * _HOP : (part + 1) * _HOP]
    return found[1 : len(frames) + 2].flatten()
