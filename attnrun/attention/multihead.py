"""Multi-head attention over any score, with any position scheme.

Letters: B batch, H heads, G groups (heads of keys and values), N queries, M keys, E = H · D the size inside,
D the size of a head, P the size of what a score makes of a key (D for most).
"""

from collections.abc import Callable

from torch import Tensor, nn

from attnrun.attention.attend import attend
from attnrun.attention.dense import Linear
from attnrun.attention.heads import PerHead, divisors, join, repeat, split
from attnrun.attention.locality import Kind, Locality
from attnrun.attention.masks import as_mask, blank
from attnrun.attention.positions import Position
from attnrun.attention.scores import Score, scores_shape
from attnrun.attention.softmax import Normaliser, masked_softmax
from attnrun.errors import UserError
from attnrun.ranges import PositiveInt, Probability


class MultiHead(nn.Module):
    """MultiHead(Q, K, V) = Concat(head_1 … head_H) W_o with head_i = attend(Q W_q^i, K W_k^i, V W_v^i).

    After Vaswani et al. 2017, section 3.2.2, with any score in place of the scaled dot product. `size` is E,
    shared out among the heads; the output has this size too. A score with parameters gets its own for each
    head, as the projections are each head's own; one without is shared.

    `score` builds a score from (query size, key size). `position` marks queries and keys with their places
    and biases the scores. `locality` narrows what the mask permits, for all heads alike. `bias` adds one to
    W_q, W_k and W_v, `output_bias` to W_o. `dropout` falls on the weights in training.

    `groups` is G, the heads of keys and values, each of which serves H / G heads of queries: 1 is multi-query
    attention (Shazeer 2019), more are grouped queries (Ainslie et al. 2023), None stands for H.

    Without `projections` the heads are slices of query, key and value as they come, and the output is the
    heads side by side, as wide as a value: self-attention without weight matrices, or, with one head, a
    decoder's plain attention.

    Raises UserError where `heads` does not divide a size that it parts, or `groups` does not divide `heads`,
    and for biases or fewer groups without `projections`.

    Attributes:
        kind: whether queries and keys are of one sequence.
        gate: what each head's context is multiplied by, (H,) or (B, H); see `gates.GatedHeads`.

    Self-attention in four heads over two sequences, the second of which has three words and padding:

    >>> import torch
    >>> from attnrun.attention import ScaledDot
    >>> words, heads = torch.randn(2, 5, 16), MultiHead(16, 16, 16, size=16, heads=4, score=ScaledDot)
    >>> output, weights = heads(words, words, words, torch.tensor([5, 3]), need_weights=True)
    >>> output.shape, weights.shape, weights[1, :, :, 3:].sum().item()
    (torch.Size([2, 5, 16]), torch.Size([2, 4, 5, 5]), 0.0)
    """

    kind: Kind = "self"
    gate: Tensor | None = None

    def __init__(
        self,
        query_size: int,
        key_size: int,
        value_size: int,
        size: int,
        heads: int,
        score: Callable[[int, int], Score],
        normaliser: Normaliser = masked_softmax,
        position: Position | None = None,
        locality: Locality | None = None,
        *,
        groups: PositiveInt | None = None,
        projections: bool = True,
        bias: bool = False,
        output_bias: bool = False,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        sizes = (size,) if projections else (query_size, key_size, value_size)
        for parted in sizes:
            if heads < 1 or parted % heads:
                raise UserError(
                    f"{heads} heads do not divide the size {parted}; choose from: {divisors(parted)}"
                )
        groups = heads if groups is None else groups
        if groups < 1 or heads % groups:
            raise UserError(f"{groups} groups do not divide {heads} heads; choose from: {divisors(heads)}")
        if not projections:
            _check_slices(groups == heads, bias or output_bias)
            if size != value_size:
                raise UserError(f"heads without projections put out values of size {value_size}, not {size}")
        self.heads = heads
        self.groups = groups
        self.dropout = dropout
        self.normaliser = normaliser
        self.position = _position(position, size, heads)
        self.locality = Locality(query_size) if locality is None else locality
        inner = size // heads * groups
        head_sizes = (size // heads,) * 2 if projections else (query_size // heads, key_size // heads)
        self.score = _head_score(*head_sizes, heads, score)
        self.W_q = Linear(query_size, size, bias=bias) if projections else nn.Identity()
        self.W_k = Linear(key_size, inner, bias=bias) if projections else nn.Identity()
        self.W_v = Linear(value_size, inner, bias=bias) if projections else nn.Identity()
        self.W_o = Linear(size, size, bias=output_bias) if projections else nn.Identity()

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None = None,
        *,
        need_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the output (B, N, E), and the weights (B, H, N, M) where `need_weights`, else None.

        query (B, N, Dq), key (B, M, Dk), value (B, M, Dv). `mask` is anything `as_mask` takes for scores
        (B, N, M), the same for all heads, or a boolean mask (B, H, N, M) with an axis of heads. A query
        without a permitted key has a zero context in every head: its output is the bias of W_o, or zero.

        Raises ValueError where the mask does not fit.
        """
        if mask is not None:
            mask = self._head_mask(mask, scores_shape(query, key))
            shared = mask.any(-3)  # what at least one head may do
            query = blank(query, shared.any(-1))
            key, value = blank(key, shared.any(-2)), blank(value, shared.any(-2))
        return self.attend(query, self.project(key, value), mask, need_weights=need_weights)

    def project(self, key: Tensor, value: Tensor, offset: int = 0) -> tuple[Tensor, Tensor]:
        """Return what `attend` needs of key (B, M, Dk) and value (B, M, Dv): keys (B, G, M, P), values
        (B, G, M, D).

        Computed once, they serve many queries; those of later tokens, whose first stands at place `offset`,
        are appended along axis -2. Where each head's score makes something of its own of the keys, as the
        additive one does, there are H of them instead of G.
        """
        keys = self.position.rotate(split(self.W_k(key), self.groups), offset)  # (B, G, M, D)
        if isinstance(self.score, PerHead):
            keys = repeat(keys, self.heads)  # (B, H, M, D)
        return self.score.project_keys(keys), split(self.W_v(value), self.groups)

    def attend(
        self,
        query: Tensor,
        projected: tuple[Tensor, Tensor],
        mask: Tensor | None = None,
        *,
        offset: int = 0,
        abreast: bool = False,
        need_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """`forward` for keys and values from `project`, the first of which stand at place 0.

        query (B, N, Dq), `mask` as there: the output (B, N, E), and the weights (B, H, N, M) or None.
        `offset` is the place of the first query, or of all where they are `abreast`, as hypotheses of one
        sentence are. Keys and values are used as they come: where their padding may not be finite, `blank` it
        before projecting.
        """
        keys, values = (repeat(part, self.heads) for part in projected)  # (B, H, M, P), (B, H, M, D)
        if mask is not None:
            mask = self._head_mask(mask, scores_shape(query, keys[..., 0, :, :]))
        mask, factors = self.locality.narrow(query, mask, keys.shape[-2], offset, abreast)
        places = 1 if abreast else query.shape[-2]
        context, weights = attend(
            self.score,
            self._rotated(split(self.W_q(query), self.heads), offset, abreast),  # (B, H, N, D)
            keys,
            values,
            mask,
            bias=self.position.bias(places, keys.shape[-2], offset),  # (H, N or 1, M)
            normaliser=self.normaliser if factors is None else _scaled(self.normaliser, factors),
            projected=keys,
            dropout=self.dropout,
            training=self.training,
            need_weights=need_weights,
        )
        if self.gate is not None:
            context = context * self.gate[..., None, None]
        output: Tensor = self.W_o(join(context))  # (B, H, N, D) -> (B, N, E)
        return output, weights

    def _rotated(self, queries: Tensor, offset: int, abreast: bool) -> Tensor:
        """Queries (B, H, N, D) marked with their places, which are one where they are `abreast`."""
        if not abreast:
            return self.position.rotate(queries, offset)
        return self.position.rotate(queries.unsqueeze(-2), offset).squeeze(-2)

    def _head_mask(self, mask: Tensor, shape: tuple[int, ...]) -> Tensor:
        """A mask for scores of shape (B, N, M), with an axis of heads: (B, H or 1, N, M)."""
        if mask.dim() > len(shape):
            return as_mask(mask, (*shape[:-2], self.heads, *shape[-2:]))
        return as_mask(mask, shape).unsqueeze(-3)


def _head_score(query_size: int, key_size: int, heads: int, score: Callable[[int, int], Score]) -> Score:
    single = score(query_size, key_size)
    if heads == 1 or not any(True for _ in single.parameters()):
        return single
    return PerHead(query_size, key_size, heads, score)


def _scaled(normaliser: Normaliser, factors: Tensor) -> Normaliser:
    """Multiply the weights by factors that broadcast to (B, H, N, M)."""

    def times_locality(scores: Tensor, mask: Tensor | None) -> Tensor:
        return normaliser(scores, mask) * factors.to(scores.dtype)

    return times_locality


def _position(position: Position | None, size: int, heads: int) -> Position:
    if position is None:
        return Position(size, heads)
    if (position.size, position.heads) != (size, heads):
        built = f"size {position.size} and {position.heads} heads"
        raise ValueError(f"the position scheme was built for {built}, attention has {size} and {heads}")
    return position


def _check_slices(whole: bool, bias: bool) -> None:
    """Refuse what needs a projection where there is none."""
    if not whole:
        raise UserError("heads without projections need keys and values of their own: leave groups unset")
    if bias:
        raise UserError("heads without projections have no bias: set bias and output_bias to false")
