"""WAV files of PCM samples: read, resampled and written. T samples of a recording."""

import io
import math
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np

from attnrun.data.reading import counted, existing_file
from attnrun.errors import UserError
from attnrun.escape import for_terminal

MAXIMUM_SECONDS = 60  # of a recording
_MAXIMUM_BYTES = 100 * 2**20  # of a file
_RATES = range(1000, 192_001)  # samples a second
_MOST_CHANNELS = 8
_CONVERT = "convert it, as by: ffmpeg -i FILE -c:a pcm_s16le NEW.wav"
_DAMAGE = (wave.Error, EOFError, OSError, ValueError, OverflowError, RuntimeError, struct.error)


def read_wav(path: str | Path, rate: int) -> np.ndarray:
    """Return the samples (T,) float32 from -1 to 1 of a WAV file, `rate` a second.

    PCM of 8, 16, 24 or 32 bits at any rate from 1,000 to 192,000; several channels are mixed to their mean.

    Raises:
        UserError: the file is missing, damaged, cut short, empty, of another form, or too long.
    """
    file = existing_file(path)
    if file.stat().st_size > _MAXIMUM_BYTES:
        raise UserError(f"{file} is larger than {_MAXIMUM_BYTES // 2**20} MiB; cut it")
    try:
        with file.open("rb") as stream, wave.open(stream) as opened:
            form = opened.getparams()
            _check(file, form)
            there = file.stat().st_size // (form.sampwidth * form.nchannels)  # at most
            raw = opened.readframes(min(form.nframes, there))
    except _DAMAGE as error:
        raise UserError(_reason(file, error)) from None
    whole = len(raw) // (form.sampwidth * form.nchannels)
    if whole < form.nframes:
        raise UserError(f"{file} is cut short: {whole} of the {form.nframes} samples that it says it has")
    if not whole:
        raise UserError(f"{file} holds no samples")
    if whole > MAXIMUM_SECONDS * form.framerate:
        length = f"{whole / form.framerate:.0f} s"
        raise UserError(f"{file} takes {length}, and {MAXIMUM_SECONDS} s is the most; cut it into recordings")
    mixed = _numbers(raw, form.sampwidth).reshape(-1, form.nchannels).mean(1)
    return resample(mixed, form.framerate, rate).astype(np.float32)


def _check(file: Path, form: Any) -> None:
    """Raise UserError for what its header says, before anything of that size is taken."""
    if form.sampwidth not in (1, 2, 3, 4) or form.framerate not in _RATES or form.nchannels > _MOST_CHANNELS:
        found = f"{8 * form.sampwidth} bits, {form.framerate} samples a second"
        found += f", {form.nchannels} channels" if form.nchannels > _MOST_CHANNELS else ""
        raise UserError(f"{file}: {found}, which is not read; {_CONVERT}")


def resample(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Return samples (T,), `rate` a second, as `wanted` a second, without the frequencies that these lack.

    By the discrete Fourier transform of the whole: exact for what repeats itself, and for other sounds but
    for their first and last few milliseconds.
    """
    if rate == wanted:
        return samples
    common = math.gcd(rate, wanted)
    padded = np.pad(samples.astype(np.float64), (0, -len(samples) % (rate // common)))
    size = len(padded) // (rate // common) * (wanted // common)
    spectrum = np.fft.rfft(padded)
    kept = (min(size, len(padded)) + 1) // 2  # below half the lower rate
    found = np.zeros(size // 2 + 1, dtype=spectrum.dtype)
    found[:kept] = spectrum[:kept]
    exact = np.fft.irfft(found, size) * (size / len(padded))
    return exact[: -(-len(samples) * wanted // rate)]


def to_wav(samples: np.ndarray, rate: int) -> bytes:
    """Return a WAV file, 16 bits, of samples (T,) from -1 to 1; what is louder is cut off."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as opened:
        opened.setparams((1, 2, rate, 0, "NONE", "not compressed"))
        whole = np.rint(np.clip(samples, -1, 1) * (2**15 - 1)).astype("<i2")
        opened.writeframes(whole.tobytes())
    return buffer.getvalue()


def _numbers(raw: bytes, width: int) -> np.ndarray:
    """PCM of `width` bytes a sample, least first, as numbers from -1 to 1; one byte has no sign."""
    if width == 1:
        return (np.frombuffer(raw, np.uint8).astype(np.float64) - 128) / 128
    high = np.zeros((len(raw) // width, 4), np.uint8)
    high[:, 4 - width :] = np.frombuffer(raw, np.uint8).reshape(-1, width)
    return high.reshape(-1).view("<i4").astype(np.float64) / 2**31


def _begins(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(4)
    except OSError:
        return b"RIFF"  # nobody can tell


def _reason(file: Path, error: Exception) -> str:
    said = " ".join(str(error).split())
    if "RIFF" in said or "WAVE" in said or _begins(file) != b"RIFF":
        return f"{file} is no WAV file; {_CONVERT}"
    if "unknown format" in said or "unknown extended format" in said:
        return f"{file} does not hold plain PCM samples ({for_terminal(said)}); {_CONVERT}"
    size = counted(file.stat().st_size, "byte")
    return f"cannot read the WAV file {file}, of {size}: {for_terminal(said) or 'it is cut short'}"
