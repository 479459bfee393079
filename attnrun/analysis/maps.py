"""Attention maps as values: weights with the tokens between them. N queries (rows), M keys (columns)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from attnrun.errors import UserError
from attnrun.runs.files import write_durably

Array = NDArray[np.float32]


class NoAttention(UserError):
    """A model was asked for weights that it has not, whatever the input."""


def require_self_attention(model: Any) -> None:
    """Raise NoAttention for a model of sentence pairs whose sides do not look at themselves."""
    if not hasattr(model, "source_weights"):
        raise NoAttention("this model has no self-attention; choose a run of a Transformer")


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """The attention weights of one example, with raw (unescaped) token labels.

    Attributes:
        queries: N row labels, for a translation the target tokens.
        keys: M column labels, for a translation the source tokens.
        weights: (L, H, N, M) float32, L layers and H heads; a matrix (N, M) means one of each.
        title: raw text shown above the map.

    Raises:
        ValueError: the weights have another number of rows or columns than there are labels.
    """

    queries: Sequence[str]
    keys: Sequence[str]
    weights: Array
    title: str = ""

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights, dtype=np.float32)
        if weights.ndim == 2:
            weights = weights[None, None]
        if weights.ndim != 4 or weights.shape[2:] != (len(self.queries), len(self.keys)):
            wanted = f"(L, H, {len(self.queries)}, {len(self.keys)})"
            raise ValueError(f"weights of shape {weights.shape} do not fit the labels: expected {wanted}")
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "queries", list(self.queries))
        object.__setattr__(self, "keys", list(self.keys))

    def head(self, layer: int = 0, head: int = 0) -> Array:
        """Return the weights (N, M) of one head."""
        matrix: Array = self.weights[layer, head]
        return matrix

    def choose(self, layers: Sequence[int] | None, heads: Sequence[int] | None) -> "AttentionMap":
        """Return the map of some layers and heads, in the order given; None takes all.

        Raises:
            UserError: there are not so many.
        """
        weights = self.weights
        for axis, (name, chosen) in enumerate((("layer", layers), ("head", heads))):
            there = weights.shape[axis]
            for number in chosen or ():
                if not 0 <= number < there:
                    raise UserError(f"no {name} {number}; this model has {there}, counted from 0")
            if chosen is not None:
                weights = weights.take(list(chosen), axis=axis)
        return replace(self, weights=weights)

    def row(self, query: int) -> "AttentionMap":
        """Return the map of one query alone.

        Raises:
            UserError: there are not so many.
        """
        if not 0 <= query < len(self.queries):
            raise UserError(f"no step {query}; this map has {len(self.queries)}, counted from 0")
        weights = self.weights[:, :, query : query + 1]
        return replace(self, queries=[self.queries[query]], weights=weights)

    def mean(self) -> Array:
        """Return the weights (N, M) averaged over layers and heads."""
        mean: Array = self.weights.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        return mean

    def shares(self) -> NDArray[np.float64]:
        """Return the weights (L, H, N, M), those of each query scaled to sum to 1; NaN where it has none.

        NaN also where they are not all finite.
        """
        weights = self.weights.astype(np.float64)
        total = weights.sum(axis=-1, keepdims=True)
        there = (total > 0) & np.isfinite(total)
        shares: NDArray[np.float64] = np.divide(
            weights, total, out=np.full_like(weights, np.nan), where=there
        )
        return shares

    def entropy(self) -> NDArray[np.float64]:
        """Return the entropy of each query's `shares` in nats, (L, H, N); NaN where it has none."""
        shares = self.shares()
        logarithms = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
        entropy: NDArray[np.float64] = (shares * -logarithms).sum(axis=-1)
        return entropy

    def save(self, path: str | Path) -> None:
        """Write a compressed ``.npz`` (no pickles); the file appears whole or not at all."""
        labels = {"queries": self.queries, "keys": self.keys, "title": self.title}
        buffer = BytesIO()
        # Labels as JSON: numpy's own strings drop trailing NUL characters.
        np.savez_compressed(buffer, weights=self.weights, labels=_to_bytes(json.dumps(labels)))
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> "AttentionMap":
        """Read what `save` wrote.

        Raises:
            UserError: the file is missing or is no attention map.
        """
        try:
            # Opened here, for np.load leaves a damaged archive open.
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
                labels = json.loads(stored["labels"].tobytes())
                return cls(labels["queries"], labels["keys"], stored["weights"], labels["title"])
        except FileNotFoundError:
            raise UserError(f"no attention map at {path}") from None
        except (OSError, LookupError, TypeError, ValueError, AttributeError, EOFError, BadZipFile) as error:
            raise UserError(f"{path} is not an attention map: {error}") from error


def attention_maps(
    titles: Sequence[str],
    queries: Sequence[Sequence[str]],
    keys: Sequence[Sequence[str]],
    weights: Sequence[Array | None],
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
) -> list[AttentionMap]:
    """Return the maps of some examples, of the layers and heads chosen; None takes all.

    Raises:
        NoAttention: an example's weights are None.
        UserError: the model has not so many layers or heads.
    """
    maps = []
    for title, rows, columns, one in zip(titles, queries, keys, weights, strict=True):
        if one is None:
            raise NoAttention("this model has no attention to show")
        maps.append(AttentionMap(rows, columns, one, title).choose(layers, heads))
    return maps


def _to_bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
