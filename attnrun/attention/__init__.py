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
with one method, `score_projected`. `attend` makes the context by fused code where that is faster; `backend`
forces the choice. Normalisers are functions of scores and mask, with YAML files in
`configs/normaliser`; `check_mask` says what looks wrong with a mask.
"""

from attnrun.attention.additive import Additive, Concat
from attnrun.attention.attend import attend
from attnrun.attention.backends import Backend, backend
from attnrun.attention.dropout import Dropout
from attnrun.attention.kernels import Boxcar, Epanechnikov, Gaussian, Kernel, Triangular
from attnrun.attention.linear import LinearKernel, linear_attend
from attnrun.attention.locality import Block, Locality, Monotonic, Predictive, Window
from attnrun.attention.masks import (
    as_mask,
    blank,
    block_mask,
    causal_mask,
    check_mask,
    lengths_mask,
    window_mask,
)
from attnrun.attention.mechanism import Heads, Mechanism
from attnrun.attention.multihead import MultiHead
from attnrun.attention.normalisers import entmax15, masked_sigmoid, sparsemax, top_k_softmax
from attnrun.attention.pooling import FullyConnected, Max, Uniform
from attnrun.attention.positions import (
    Alibi,
    LearnedPositions,
    Position,
    RelativeBias,
    Rotary,
    Sinusoidal,
)
from attnrun.attention.scores import (
    Cosine,
    Dot,
    General,
    Location,
    ScaledDot,
    Score,
)
from attnrun.attention.softmax import Normaliser, masked_softmax

__all__ = [
    "Additive",
    "Alibi",
    "Backend",
    "Block",
    "Boxcar",
    "Concat",
    "Cosine",
    "Dot",
    "Dropout",
    "Epanechnikov",
    "FullyConnected",
    "Gaussian",
    "General",
    "Heads",
    "Kernel",
    "LearnedPositions",
    "LinearKernel",
    "Locality",
    "Location",
    "Max",
    "Mechanism",
    "Monotonic",
    "MultiHead",
    "Normaliser",
    "Position",
    "Predictive",
    "RelativeBias",
    "Rotary",
    "ScaledDot",
    "Score",
    "Sinusoidal",
    "Triangular",
    "Uniform",
    "Window",
    "as_mask",
    "attend",
    "backend",
    "blank",
    "block_mask",
    "causal_mask",
    "check_mask",
    "entmax15",
    "lengths_mask",
    "linear_attend",
    "masked_sigmoid",
    "masked_softmax",
    "sparsemax",
    "top_k_softmax",
    "window_mask",
]
