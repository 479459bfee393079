"""Multinomial logistic regression: what an example's features tell by themselves, to compare a model with.

Letters: N examples, F features, C classes, L length of the longest sequence. Features may be sparse.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_STEPS = 100  # of LBFGS, each of which may look at the examples up to 25 times
PENALTIES = (1e-4, 1e-3, 1e-2)


def fit_linear(x: Tensor, y: Tensor, classes: int, penalty: float) -> nn.Linear:
    """Return W and b that minimise the mean cross-entropy plus `penalty` / 2 · ‖W‖², by LBFGS from zeros.

    x (N, F) floats, dense or sparse, y (N,) int64. Nothing is drawn by chance.
    """
    model = nn.Linear(x.shape[1], classes, device=x.device, dtype=x.dtype)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = F.cross_entropy(_logits(model, x), y) + penalty / 2 * model.weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with torch.enable_grad():
        optimiser.step(closure)  # type: ignore[no-untyped-call]
    return model.requires_grad_(False)


def best_linear(
    train: tuple[Tensor, Tensor],
    valid: tuple[Tensor, Tensor],
    classes: int,
    penalties: Sequence[float] = PENALTIES,
) -> nn.Linear:
    """Return the fit to `train` whose penalty answers most of `valid` rightly; of equals the first."""
    fits = [fit_linear(*train, classes, penalty) for penalty in penalties]
    return max(fits, key=lambda fit: share_right(fit, *valid))


def share_right(model: nn.Linear, x: Tensor, y: Tensor) -> float:
    """Return the share of examples x (N, F) whose class y (N,) the model finds likeliest."""
    return float((_logits(model, x).argmax(-1) == y).double().mean())


def token_counts(tokens: Tensor, vocabulary: int) -> Tensor:
    """Return how often each number of a vocabulary occurs in sequences: (N, vocabulary), sparse float32.

    tokens (N, L), padded with 0, which is not counted.
    """
    rows, places = tokens.nonzero(as_tuple=True)
    indices = torch.stack([rows, tokens[rows, places]])
    ones, shape = torch.ones(len(rows), device=tokens.device), (len(tokens), vocabulary)
    return torch.sparse_coo_tensor(indices, ones, shape, check_invariants=True).coalesce()


def _logits(model: nn.Linear, x: Tensor) -> Tensor:
    return x @ model.weight.mT + model.bias  # as the model itself, which takes no sparse ones
