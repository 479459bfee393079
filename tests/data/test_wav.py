"""WAV files: every depth and rate, and every fault."""

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from attnrun.data.wav import read_wav, resample, to_wav
from attnrun.errors import UserError

VALUES = np.array([0.0, 0.5, -0.5, 0.25, -1.0, 127 / 128])


def write(path: Path, values: np.ndarray, width: int, channels: int = 1, rate: int = 8000) -> Path:
    """PCM by the definition, a sample at a time."""
    raw = b""
    for value in values:
        if width == 1:
            raw += struct.pack("B", int(value * 128) + 128)
        else:
            raw += int(value * 2 ** (8 * width - 1)).to_bytes(width, "little", signed=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(raw)
    return path


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_depth(width: int, tmp_path: Path) -> None:
    samples = read_wav(write(tmp_path / "a.wav", VALUES, width), 8000)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, VALUES.astype(np.float32))


def test_channels_are_mixed_to_their_mean(tmp_path: Path) -> None:
    found = read_wav(write(tmp_path / "a.wav", VALUES, 2, channels=3), 8000)
    np.testing.assert_allclose(found, VALUES.reshape(-1, 3).mean(1), atol=1e-7)


@pytest.mark.parametrize(
    "rate, wanted", [(44100, 8000), (8000, 16000), (11025, 8000), (8000, 7919), (16000, 8000)]
)
def test_a_tone_at_another_rate_is_the_tone(rate: int, wanted: int) -> None:
    def tone(count: int, per_second: int) -> np.ndarray:
        return np.sin(2 * np.pi * 440 * np.arange(count) / per_second) * np.hanning(count)

    found = resample(tone(rate, rate), rate, wanted)
    assert len(found) == wanted
    np.testing.assert_allclose(found, tone(wanted, wanted), atol=2e-3)


def test_what_a_lower_rate_cannot_hold_is_left_out() -> None:
    high = np.sin(2 * np.pi * 5000 * np.arange(16000) / 16000)
    assert np.abs(resample(high, 16000, 8000))[100:-100].max() < 1e-2
    assert resample(high, 16000, 16000) is high


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_as_long_as_before(count: int) -> None:
    assert len(resample(np.ones(count), 44100, 8000)) == -(-count * 8000 // 44100)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 311)
    (tmp_path / "a.wav").write_bytes(to_wav(samples, 12345))
    np.testing.assert_allclose(read_wav(tmp_path / "a.wav", 12345), samples, atol=5e-5)
    (tmp_path / "loud.wav").write_bytes(to_wav(np.array([3.0, -3.0]), 8000))
    np.testing.assert_allclose(read_wav(tmp_path / "loud.wav", 8000), [1, -1], atol=5e-5)


def changed(data: bytes, place: int, by: bytes) -> bytes:
    return data[:place] + by + data[place + len(by) :]


GOOD = to_wav(np.full(800, 0.25), 8000)
FAULTS = {
    "cut": (GOOD[:-700], "is cut short: 450 of the 800 samples"),
    "head": (GOOD[:30], "cannot read the WAV file .*bad.wav, of 30 bytes: it is cut short"),
    "nothing": (b"", "bad.wav is no WAV file"),
    "empty": (to_wav(np.zeros(0), 8000), "holds no samples"),
    "word": (b"hi", "is no WAV file"),
    "text": (b"hello there, this is no audio", "is no WAV file; convert it, as by: ffmpeg"),
    "video": (changed(GOOD, 8, b"AVI "), "is no WAV file"),
    "float": (changed(GOOD, 20, b"\x03\0"), "does not hold plain PCM samples .*convert it"),
    "still": (changed(GOOD, 24, struct.pack("<I", 0)), "16 bits, 0 samples a second, which is not read"),
    "fast": (changed(GOOD, 24, struct.pack("<I", 4_000_000_000)), "4000000000 samples a second"),
    "deep": (changed(GOOD, 34, struct.pack("<H", 64)), "64 bits, 8000 samples a second, which is not read"),
    "shallow": (changed(GOOD, 34, struct.pack("<H", 0)), "cannot read the WAV file"),
    "no channel": (changed(GOOD, 22, struct.pack("<H", 0)), "cannot read the WAV file .*channels"),
    "long": (to_wav(np.zeros(61 * 1000), 1000), "takes 61 s, and 60 s is the most"),
    "endless": (changed(GOOD, 40, struct.pack("<I", 0x7FFFF000)), "is cut short: 800 of the 1073739776"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_told(name: str, tmp_path: Path) -> None:
    data, message = FAULTS[name]
    (tmp_path / "bad.wav").write_bytes(data)
    with pytest.raises(UserError, match=message):
        read_wav(tmp_path / "bad.wav", 8000)


def test_any_byte_may_be_wrong(tmp_path: Path) -> None:
    """A header with one byte changed is read, or refused; nothing else."""
    for place in range(44):
        for value in (0, 1, 127, 255):
            (tmp_path / "bad.wav").write_bytes(changed(GOOD, place, bytes([value])))
            try:
                samples = read_wav(tmp_path / "bad.wav", 8000)
            except UserError as error:
                assert "bad.wav" in str(error) and "\n" not in str(error)
            else:
                assert np.isfinite(samples).all() and 0 < len(samples) <= 60 * 8000


def test_a_path_that_is_no_file(tmp_path: Path) -> None:
    for path, message in ((tmp_path, "is a directory"), (tmp_path / "x.wav", "no file")):
        with pytest.raises(UserError, match=message):
            read_wav(path, 8000)
