"""How forecasts are trained and judged. Letters: B windows, T steps ahead, N steps of a series."""

import torch
from torch import Tensor


def pinball(predicted: Tensor, targets: Tensor, band: float) -> tuple[Tensor, int]:
    """Return the pinball loss summed over steps and quantiles, and the number of steps.

    predicted (B, T, 3) are the ends of a band that is to hold the share `band`, and the median between them;
    targets (B, T). Koenker and Bassett 1978, equation 2.1 with the quantiles of these three.
    """
    quantiles = torch.tensor([(1 - band) / 2, 0.5, (1 + band) / 2], dtype=predicted.dtype).to(predicted)
    errors = targets[..., None] - predicted
    return torch.maximum(quantiles * errors, (quantiles - 1) * errors).sum(), targets.numel()


def naive_scale(values: Tensor, season: int) -> float:
    """Return the mean absolute error of repeating the value a season before, over a series (N,).

    What errors are divided by in Hyndman and Koehler 2006, section 3; there the season is one step. Raises
    ValueError where the series is no longer than a season.
    """
    if len(values) <= season:
        raise ValueError(f"{len(values)} steps are no more than a season of {season}")
    return float((values[season:] - values[:-season]).abs().mean())


def seasonal_naive(values: Tensor, origins: Tensor, steps: int, season: int) -> Tensor:
    """Return the forecasts (B, T) that repeat the last season known: steps `origins` (B,) on are not."""
    ahead = torch.arange(steps)
    places: Tensor = origins[:, None] - season + ahead % season
    return values[places]
