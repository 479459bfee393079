"""Multinomial logistic regression on how often each token occurs: what can be told without any order.

Letters: B batch, N tokens, C classes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_PENALTIES = (1e-6, 1e-5, 1e-4)  # on half the sum of squared weights, beside the mean cross-entropy
_ITERATIONS = 100


class BagOfTokens(nn.Module):
    """Logits that are sums over the tokens of a sequence, wherever they stand."""

    def __init__(self, vocabulary: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(vocabulary, classes))
        self.bias = nn.Parameter(torch.zeros(classes))

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """tokens (B, N), padded with 0, their lengths not used -> logits (B, C)."""
        del lengths
        logits: Tensor = torch.sparse.mm(_counts(tokens, self.weight), self.weight) + self.bias
        return logits

    def fit(self, tokens: Tensor, targets: Tensor, penalty: float) -> None:
        """Find the weights of least mean cross-entropy and `penalty`, a convex problem, by L-BFGS.

        tokens (B, N), padded with 0; targets (B,).
        """
        optimiser = torch.optim.LBFGS(self.parameters(), max_iter=_ITERATIONS, line_search_fn="strong_wolfe")
        counts = _counts(tokens, self.weight)

        def closure() -> Tensor:
            optimiser.zero_grad()
            loss = F.cross_entropy(torch.sparse.mm(counts, self.weight) + self.bias, targets)
            loss = loss + penalty / 2 * self.weight.square().sum()
            torch.autograd.backward(loss)
            return loss.detach()

        optimiser.step(closure)  # type: ignore[no-untyped-call]


def _counts(tokens: Tensor, weight: Tensor) -> Tensor:
    """How often each token occurs in each sequence, (B, vocabulary), sparse, of the type of `weight`."""
    rows, places = tokens.nonzero(as_tuple=True)
    indices = torch.stack([rows, tokens[rows, places]])
    ones = weight.new_ones(len(rows))
    shape = (len(tokens), len(weight))
    return torch.sparse_coo_tensor(indices, ones, shape, check_invariants=True).coalesce()


def fit_bag(
    vocabulary: int, classes: int, train: tuple[Tensor, Tensor], valid: tuple[Tensor, Tensor]
) -> BagOfTokens:
    """Return the model whose penalty gives the best accuracy on `valid`; both are tokens with targets."""

    def accuracy(model: BagOfTokens) -> float:
        with torch.no_grad():
            return float((model(valid[0], valid[0]).argmax(1) == valid[1]).float().mean())

    return max((_fitted(vocabulary, classes, train, penalty) for penalty in _PENALTIES), key=accuracy)


def _fitted(vocabulary: int, classes: int, train: tuple[Tensor, Tensor], penalty: float) -> BagOfTokens:
    model = BagOfTokens(vocabulary, classes).to(train[0].device)
    model.fit(*train, penalty)
    return model
