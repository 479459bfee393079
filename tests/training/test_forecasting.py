"""Measures of forecasts, against loops."""

import pytest
import torch

from attnrun.training.forecasting import naive_scale, pinball, seasonal_naive


def test_pinball_loss_is_least_at_the_quantiles() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(2003, 1, generator=generator, dtype=torch.float64)
    guesses = torch.linspace(-2, 2, 401, dtype=torch.float64)
    for place, quantile in enumerate((0.1, 0.5, 0.9)):
        losses = []
        for guess in guesses:
            row = torch.tensor([-9.0, 0.0, 9.0], dtype=torch.float64)
            row[place] = guess
            losses.append(float(pinball(row.expand(2003, 1, 3), drawn, 0.8)[0]))
        best = float(guesses[torch.tensor(losses).argmin()])
        assert best == pytest.approx(float(drawn.quantile(quantile)), abs=0.011)


def test_pinball_loss_by_hand() -> None:
    predicted = torch.tensor([[[1.0, 2.0, 4.0]], [[0.0, 0.0, 0.0]]], dtype=torch.float64)
    total, count = pinball(predicted, torch.tensor([[3.0], [-2.0]], dtype=torch.float64), 0.5)
    assert count == 2
    first = 0.25 * 2 + 0.5 * 1 + 0.25 * 1
    assert float(total) == pytest.approx(first + 2 * (0.75 + 0.5 + 0.25))


def test_naive_forecasts_and_their_scale_equal_loops() -> None:
    values = torch.arange(23, dtype=torch.float64).square() % 17
    origins = torch.tensor([9, 13, 16])
    found = seasonal_naive(values, origins, 7, 3)
    for row, origin in zip(found, origins.tolist(), strict=True):
        for step, value in enumerate(row.tolist()):
            place = origin + step
            while place >= origin:
                place -= 3
            assert value == float(values[place])
    errors = [abs(float(values[place] - values[place - 3])) for place in range(3, 23)]
    assert naive_scale(values, 3) == pytest.approx(sum(errors) / 20)
    with pytest.raises(ValueError, match="no more than a season of 23"):
        naive_scale(values, 23)
