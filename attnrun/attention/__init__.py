"""The attention core: scores, the masked softmax, masks, `attend` and multi-head attention.

Letters, here and in every shape comment: B batch, H heads, N queries, M keys, D query/key size, V value size.
A leading "..." stands for any axes that broadcast.

Masks: True = may attend. Integer masks are valid lengths, (B,) or (B, N). A query without a permitted key
gets a zero context and a zero gradient.

Two queries over three keys, of which the first two are real and the third is padding:

>>> import torch
>>> query, key, value = torch.ones(1, 2, 5), torch.ones(1, 3, 5), torch.tensor([[[1.0], [3.0], [100.0]]])
>>> context, weights = attend(ScaledDot(5, 5), query, key, value, torch.tensor([2]), need_weights=True)
>>> context
tensor([[[2.],
         [2.]]])
>>> weights
tensor([[[0.5000, 0.5000, 0.0000],
         [0.5000, 0.5000, 0.0000]]])

Scores are modules; each has a YAML file in `configs/attention`. A score of your own is a subclass of `Score`
with one method, `score_projected`.
"""

from attnrun.attention.attend import Normaliser, attend
from attnrun.attention.kernels import Boxcar, Epanechikov, Gaussian, Kernel, Triangular
from attnrun.attention.masks import as_mask, blank, causal_mask, lengths_mask
from attnrun.attention.multihead import MultiHead
from attnrun.attention.scores import Additive, Dot, General, ScaledDot, Score, Uniform
from attnrun.attention.softmax import masked_softmax

__all__ = [
    "Additive",
    "Boxcar",
    "Dot",
    "Epanechikov",
    "Gaussian",
    "General",
    "Kernel",
    "MultiHead",
    "Normaliser",
    "ScaledDot",
    "Score",
    "Triangular",
    "Uniform",
    "as_mask",
    "attend",
    "blank",
    "causal_mask",
    "lengths_mask",
    "masked_softmax",
]
