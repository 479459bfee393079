"""What the claims measure, against formulas and direct computations."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from attnrun.analysis.maps import AttentionMap
from attnrun.claims import costs, cues, looking, order, pooling, reach, scaling
from attnrun.data.regression import sine


def test_kernel_regression_s_figures_are_those_of_loops() -> None:
    found = pooling.fits(3, samples=17, noise=0.5, steps=2).figures
    data = sine(3, samples=17, noise=0.5)
    errors, entropies = [], []
    for x, truth in zip(data.x_test.tolist(), data.truth.tolist(), strict=True):
        kernel = [math.exp(-((x - key) ** 2) / 2) for key in data.x_train.tolist()]
        weights = [one / sum(kernel) for one in kernel]
        predicted = sum(w * y for w, y in zip(weights, data.y_train.tolist(), strict=True))
        errors.append((predicted - truth) ** 2)
        entropies.append(-sum(w * math.log(w) for w in weights if w))
    assert found["mse_gaussian"] == pytest.approx(sum(errors) / len(errors), rel=1e-4)
    assert found["entropy_gaussian"] == pytest.approx(sum(entropies) / len(entropies), rel=1e-4)
    assert found["entropy_average"] == pytest.approx(math.log(17), rel=1e-5)
    mean = data.y_train.mean()
    assert found["mse_average"] == pytest.approx(float((data.truth - mean).square().mean()), rel=1e-4)


def test_the_variance_of_dot_products_has_its_formula() -> None:
    found = scaling.variance(0, sizes=[3, 37], pairs=20_000)
    assert found.figures["ratio"] == pytest.approx(1, abs=0.06)
    assert found.figures["by_root"] == pytest.approx(found.figures["ratio"])
    assert found.figures["by_size"] == pytest.approx(found.figures["ratio"] / 37)
    assert [x for x, _ in found.curves["q·k"]] == [3, 37]


def test_saturation_is_that_of_softmax_by_hand() -> None:
    found = scaling.saturation(5, keys=7, factors=[1.0, 50.0])
    logits = torch.randn(7, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    weights = [math.exp(one) for one in (50 * logits).tolist()]
    largest = max(weights) / sum(weights)
    assert found.figures["largest_weight"] == pytest.approx(largest)
    assert found.curves["largest derivative"][1][1] == pytest.approx(largest * (1 - largest), rel=1e-6)


def test_an_error_is_measured_where_a_mask_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    right = order.distribution(0, keys=11, size=3).figures
    assert right["padded"] == 0 and right["empty_here"] == 0 and right["sum_error"] < 1e-12
    monkeypatch.setattr(order, "masked_softmax", lambda scores, mask: scores.softmax(-1))
    wrong = order.distribution(0, keys=11, size=3).figures
    assert wrong["padded"] > 0 and wrong["empty_here"] == pytest.approx(1)


def test_the_printed_mask_shows_the_future_alone() -> None:
    found = order.printed_mask(0, size=5).figures
    assert found["future_printed"] == pytest.approx(1)
    # The last row, to which nothing is permitted, has the same fill everywhere: equal weights.
    assert found["past_printed"] == pytest.approx(1 / 5)
    assert found["future_right"] == 0 and found["past_right"] == pytest.approx(1)


def test_a_shuffled_sequence_tells_positions() -> None:
    found = order.equivariance(1, length=5, size=8, heads=2).figures
    assert found["without"] < 1e-12 < 1e-3 < found["with"]


def test_cues_are_softmax_of_what_matches() -> None:
    found = cues.desk(0, sharpness=3.0, noise=0.0).figures
    total = sum(math.exp(3 * one) for one in (0.1, 0.0, 1.0, 0.1, 0.2))
    assert found["cup_salient"] == pytest.approx(math.exp(3) / total)
    assert found["book_sought"] == pytest.approx(math.exp(3) / (math.exp(3) + 4))
    counted = cues.counting(0, animals=5, sharpness=2.0).figures
    assert counted["error_softmax"] == pytest.approx(4)
    assert counted["error_sigmoid"] == pytest.approx(5 - 5 / (1 + 5 * math.exp(-2)))  # shifted by ln M


def test_words_are_counted_where_they_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = {
        "der hund": (["the", "dog", "dog"], [[1, 0], [0.3, 0.7], [0.6, 0.4]]),
        "hund helfen": (["help", "a", "dog"], [[0.4, 0.6], [0, 1], [0.9, 0.1]]),
    }

    class Model:
        def weights(self, texts: list[str]) -> list[AttentionMap]:
            return [AttentionMap(maps[text][0], text.split(), np.array(maps[text][1])) for text in texts]

    monkeypatch.setattr(looking, "trained_run", lambda seed, words: Path("run"))
    monkeypatch.setattr(looking, "open_model", lambda directory: Model())
    rows = [{"source": "der hund"}, {"source": "die katze"}]
    monkeypatch.setattr(looking, "read_samples", lambda directory, name: rows)
    pairs = {"hund": "dog", "helfen": "help helps", "katze": "cat"}
    monkeypatch.setitem(maps, "die katze", (["a", "dog"], [[0, 1], [1, 0]]))
    found = looking.words(0, training="translation", pairs=pairs, texts=["hund helfen", "nichts davon"])
    assert found.figures == {"all": 3 / 4, "dog": 2 / 3, "help": 1.0, "cat": 0.0}


@pytest.mark.slow
def test_costs_are_of_the_works_that_they_name() -> None:
    found = costs.scores(0, lengths=[16, 256], size=8, hidden=32)
    assert found.figures["broadcast_megabytes"] > 4 * 256 * 256 * 32 / 1e6
    assert found.figures["dot_seconds"] > 0 and len(found.curves["dot product"]) == 2


@pytest.mark.slow
def test_a_layer_s_growth_is_that_of_its_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    # As after the cube of the length; a process for each peak takes seconds, and other tests have them.
    peaks = iter([length**3 / 1e6 for length in (256, 1024) for _ in range(6)])
    monkeypatch.setattr(costs, "_megabytes", lambda work: next(peaks))
    found = costs.layers(0, lengths=[16, 256, 1024], sizes=[8, 16], kernel=3, batch=2)
    (short, early), (long, late) = found.curves["convolution"][1:]
    slope = math.log(late / early) / math.log(long / short)
    assert found.figures["time_convolution"] == pytest.approx(slope)
    assert found.figures["memory_dot_product_eager"] == pytest.approx(3)
    assert found.figures["batch_recurrence"] < 1.2


def test_paths_are_counted_in_the_graph() -> None:
    found = reach.paths(3, lengths=[5, 10, 20, 150], size=3, kernel=3)
    attention, recurrence, convolutions = (dict(points) for points in found.curves.values())
    assert attention[5] == attention[20]
    assert recurrence[20] - recurrence[10] == 2 * (recurrence[10] - recurrence[5])  # so many a cell
    assert [convolutions[n] - convolutions[5] for n in (10, 20, 150)] == [5, 15, 145]  # a layer a place


def test_sizes_that_differ_are_for_the_additive_score_alone() -> None:
    assert costs.sizes(0, query=3, key=5).figures == {"additive": 1.0, "dot": 0.0, "scaled_dot": 0.0}
    assert costs.sizes(0, query=3, key=3).figures["dot"] == 1.0


def test_the_broadcast_context_is_that_of_the_blocks() -> None:
    torch.manual_seed(0)
    score = costs.Additive(3, 5, hidden=7)
    given = torch.randn(2, 4, 3), torch.randn(2, 6, 5), torch.randn(2, 6, 2)
    torch.testing.assert_close(costs._broadcast(score, *given), costs.attend(score, *given)[0])
