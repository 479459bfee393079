"""Log-mel features: how loud a recording is, by time and by pitch, in torch operations.

Letters: T samples of a recording, N frames, K frequencies of a spectrum, F filters.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from attnrun.errors import UserError
from attnrun.ranges import PositiveFloat, PositiveInt

_RANGE = 1e-8  # the least energy that counts, as a share of the recording's greatest: 80 dB below it
_FLAT = 1e-3  # the least spread to divide by: of a filter that is the same all the time
_LONGEST = 2**16  # samples of a window


@dataclass(frozen=True)
class LogMel:
    """The logarithm of the energy in each of `filters` bands, in windows of `window` seconds, one each `hop`.

    Windows are Hann's, periodic; bands are `mel_filters` of the power spectrum. Of each recording every band
    has the mean 0 and the spread 1 (Viikki and Laurila 1998, who do so with cepstra), so that neither
    loudness nor microphone matter.
    """

    filters: PositiveInt = 40
    window: PositiveFloat = 0.025
    hop: PositiveFloat = 0.01

    def __call__(self, samples: np.ndarray, rate: int) -> Tensor:
        """Return the features (N, F) float32 of samples (T,), `rate` a second.

        A last window that is not full is left out; a recording shorter than one is filled up with silence.

        Raises UserError where `rate` is too low for the windows or the filters.
        """
        length, step = self.samples(rate)
        filters = self.bank(rate)
        wave = torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))
        wave = torch.nn.functional.pad(wave, (0, max(0, length - len(wave))))
        frames = wave.unfold(0, length, step) * torch.hann_window(length)  # (N, window)
        energies = torch.fft.rfft(frames, n=2 * (len(filters) - 1)).abs().square() @ filters
        floor = energies.amax() * _RANGE + torch.finfo(energies.dtype).tiny
        logarithms = energies.clamp_min(floor).log()
        spread, mean = torch.std_mean(logarithms, 0, correction=0)
        features: Tensor = (logarithms - mean) / spread.clamp_min(_FLAT)
        return features

    def samples(self, rate: int) -> tuple[int, int]:
        """Return how many samples a window and a hop have at `rate`, as `__call__` raises."""
        length, step = round(self.window * rate), round(self.hop * rate)
        for name, count, least in (("window", length, 2), ("hop", step, 1)):
            if not least <= count <= _LONGEST:
                found = f"{count} samples at {rate} a second"
                raise UserError(
                    f"features.{name}={getattr(self, name):g}: {found}, and {least} to {_LONGEST} can be"
                )
        return length, step

    def bank(self, rate: int) -> Tensor:
        """Return the filters (K, F) at `rate`, as `__call__` raises."""
        length, _ = self.samples(rate)
        bank = mel_filters(self.filters, 1 << (length - 1).bit_length(), rate)
        if not bool((bank.amax(0) > 0).all()):
            raise UserError(
                f"features.filters={self.filters}: some lie between the frequencies that windows of "
                f"{self.window:g} s tell apart at {rate} samples a second; take fewer, or lengthen "
                "features.window"
            )
        return bank


@lru_cache(maxsize=8)
def mel_filters(filters: int, size: int, rate: int) -> Tensor:
    """Return triangular filters (K, F) over the frequencies of spectra of `size` samples, K = size / 2 + 1.

    The peaks, of height 1, lie evenly on the mel scale between 0 and half the rate, and each triangle
    reaches from the peak before to the one after: Davis and Mermelstein 1980, section II, figure 1. The scale
    is 2595 log10(1 + f / 700), O'Shaughnessy's and that of the toolkit HTK (Young et al., The HTK Book,
    eq. 5.13).
    """
    ends = torch.linspace(0, _mel(rate / 2), filters + 2, dtype=torch.float64)
    edges = 700 * (10 ** (ends / 2595) - 1)  # Hz
    frequencies = torch.arange(size // 2 + 1, dtype=torch.float64)[:, None] * rate / size
    before, peak, after = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (frequencies - before) / (peak - before), (after - frequencies) / (after - peak)
    return torch.minimum(rising, falling).clamp_min(0).float()


def _mel(frequency: float) -> float:
    return 2595 * float(np.log10(1 + frequency / 700))
