"""Log-mel features against loops in float64, and what is known of them."""

import cmath
import math

import numpy as np
import pytest
import torch

from attnrun.data.log_mel import LogMel, mel_filters
from attnrun.errors import UserError


def reference(samples, rate, filters, window, hop, size):
    """By the definitions: a discrete Fourier transform in loops over frames, frequencies and filters."""
    edges = [
        700 * (10 ** (n * 2595 * math.log10(1 + rate / 1400) / (filters + 1) / 2595) - 1)
        for n in range(filters + 2)
    ]
    rows = []
    for start in range(0, len(samples) - window + 1, hop):
        frame = [samples[start + n] * (0.5 - 0.5 * math.cos(2 * math.pi * n / window)) for n in range(window)]
        turns = [cmath.exp(-2j * math.pi * k / size) for k in range(size // 2 + 1)]
        power = [abs(sum(value * turn**n for n, value in enumerate(frame))) ** 2 for turn in turns]
        row = []
        for low, peak, high in zip(edges, edges[1:], edges[2:], strict=False):
            total = 0.0
            for k, energy in enumerate(power):
                f = k * rate / size
                if low < f <= peak:
                    total += energy * (f - low) / (peak - low)
                elif peak < f < high:
                    total += energy * (high - f) / (high - peak)
            row.append(total)
        rows.append(row)
    energies = np.array(rows)
    logarithms = np.log(np.maximum(energies, energies.max() * 1e-8))
    return (logarithms - logarithms.mean(0)) / logarithms.std(0)


def test_parity_with_loops():
    samples = np.random.default_rng(3).normal(0, 0.1, 211) * np.linspace(0.1, 1, 211)
    features = LogMel(filters=7, window=0.029, hop=0.013)(samples, 1000)
    expected = reference(samples, 1000, 7, 29, 13, 32)
    assert features.shape == (15, 7) and features.dtype == torch.float32
    np.testing.assert_allclose(features.numpy(), expected, atol=2e-5)


@pytest.mark.parametrize("band", [3, 17, 38])
def test_a_pure_tone_is_loudest_in_its_own_band(band):
    rate, filters = 8000, 40
    top = 2595 * math.log10(1 + rate / 1400)
    tone = 700 * (10 ** ((band + 1) * top / (filters + 1) / 2595) - 1)
    noise = np.random.default_rng(0).normal(0, 1e-3, rate)
    sound = np.where(np.arange(rate) > rate / 2, np.sin(2 * np.pi * tone * np.arange(rate) / rate), 0) + noise
    features = LogMel(filters=filters)(sound, rate)
    gained = features[60:].mean(0) - features[:40].mean(0)
    power = (
        torch.fft.rfft(torch.from_numpy(sound[5000:5200]).float() * torch.hann_window(200), 256).abs() ** 2
    )
    assert int((power @ mel_filters(filters, 256, rate)).argmax()) == band
    assert gained[band] > 1.9  # of a spread of 1, half of the time: 2 at most


def test_filters_are_triangles_that_pass_every_frequency_between_the_outer_peaks():
    bank = mel_filters(20, 512, 16000).double()
    assert bank.shape == (257, 20) and float(bank.min()) == 0 and float(bank.max()) <= 1
    inner = bank[int(bank[:, 0].argmax()) + 1 : int(bank[:, -1].argmax())]
    torch.testing.assert_close(inner.sum(1), torch.ones(len(inner)).double(), atol=1e-6, rtol=0)
    peaks = bank.argmax(0)
    assert (peaks.diff() > 0).all()


def test_loudness_changes_nothing_and_every_band_has_mean_0_and_spread_1():
    samples = np.random.default_rng(1).normal(0, 0.1, 5000)
    features = LogMel()(samples, 8000)
    torch.testing.assert_close(LogMel()(samples * 7, 8000), features, atol=1e-4, rtol=0)
    torch.testing.assert_close(features.mean(0), torch.zeros(40), atol=1e-5, rtol=0)
    torch.testing.assert_close(features.std(0, correction=0), torch.ones(40), atol=1e-5, rtol=0)


@pytest.mark.parametrize("count, frames", [(1, 1), (199, 1), (200, 1), (279, 1), (280, 2), (439, 3)])
def test_short_recordings_and_last_windows(count, frames):
    features = LogMel()(np.random.default_rng(2).normal(0, 1, count), 8000)
    assert features.shape == (frames, 40) and features.isfinite().all()


def test_silence_has_features_of_zero():
    assert not LogMel()(np.zeros(1000), 8000).any()


@pytest.mark.parametrize(
    "keys, rate, message",
    [
        ({"window": 0.0001}, 8000, r"features.window=0.0001: 1 samples at 8000 a second, and 2 to"),
        ({"window": 100.0}, 8000, r"features.window=100: 800000 samples"),
        ({"hop": 1e-5}, 8000, r"features.hop=1e-05: 0 samples"),
        ({"filters": 90}, 8000, r"features.filters=90: some lie between .* lengthen features.window"),
    ],
)
def test_what_cannot_be_is_refused(keys, rate, message):
    with pytest.raises(UserError, match=message):
        LogMel(**keys)(np.zeros(1000), rate)
