"""What TensorBoard shows of attention while a model trains, and of its embeddings at the end."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attnrun.analysis.head_figures import head_figures
from attnrun.analysis.head_pictures import HeadPicture
from attnrun.analysis.head_plots import MOST_NAMES
from attnrun.analysis.maps import AttentionMap
from attnrun.runs.run import Run

if TYPE_CHECKING:
    from torch import nn

WATCHED = 16  # examples that the figures are means over
MOST_TOKENS = 10_000  # in the projector, the first of a vocabulary

Looks = Mapping[str, Sequence[AttentionMap]]  # by side: "cross", "source", "target", or "" where there is one


class Watch:
    """What `training.course.fit_best` calls after each evaluation, and at the end with the weights kept.

    Each evaluation adds `head_figures` as curves `attention_FIGURE_SIDE/layerL-headH` and a picture
    `heads_SIDE` of all heads for one example: all to TensorBoard alone. L and H count from 0.

    Args:
        look: returns maps of the same few examples each time, by side; none without attention.
        ordered: whether queries and keys stand in an order of the same kind, so that there is a distance.
        tokens: what makes raw labels of the row numbers of an embedding, by its name in `model`; a name that
            the model has not, or has for the embedding of another name, is passed over.
    """

    def __init__(
        self,
        run: Run,
        model: "nn.Module",
        look: Callable[[], Looks],
        *,
        ordered: bool = True,
        tokens: Mapping[str, Callable[[Sequence[int]], Sequence[str]]] | None = None,
    ) -> None:
        self._run, self._model, self._look, self._ordered = run, model, look, ordered
        self._tokens = dict(tokens or {})
        self._pictures: dict[str, HeadPicture] = {}

    def evaluated(self, step: int) -> None:
        """Show what attention does now."""
        for side, maps in self._look().items():
            suffix = f"_{side}" if side else ""
            self._run.curves(step, _curves(head_figures(maps, self._ordered), suffix))
            shown = _drawn(maps)
            if shown is not None:
                self._run.picture(step, f"heads{suffix}", self._picture(side, shown).png(shown))

    def ended(self) -> None:
        """Write the embeddings for the projector."""
        modules: dict[str, Any] = dict(self._model.named_modules())
        found = {}
        for name, labels in self._tokens.items():
            if name in modules:
                vectors = modules[name].weight[:MOST_TOKENS].tolist()
                found[name.replace(".", "-")] = vectors, labels(range(len(vectors)))
        if found:
            self._run.embeddings(found)

    def _picture(self, side: str, shown: AttentionMap) -> HeadPicture:
        if side not in self._pictures or not self._pictures[side].fits(shown):
            self._pictures[side] = HeadPicture(shown)
        return self._pictures[side]


def pair_looks(
    found: Mapping[str, Sequence[Any]], sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]]
) -> dict[str, list[AttentionMap]]:
    """Return the maps of what `training.seq2seq.looks` found in pairs, by side.

    Args:
        found: by side the weights of each pair: (L, H, N + 1, M) of "cross", (L, H, M, M) of "source" and
            (L, H, N + 1, N + 1) of "target", for N target and M source tokens.
        sources: the M labels of each source.
        targets: the N + 2 labels of each target, beginning and end included.
    """
    rows = {"cross": [one[1:] for one in targets], "source": sources, "target": [one[:-1] for one in targets]}
    columns = {**rows, "cross": sources}
    return {
        side: [AttentionMap(*one) for one in zip(rows[side], columns[side], weights, strict=True)]
        for side, weights in found.items()
    }


def _curves(figures: Mapping[str, Any], suffix: str) -> dict[str, float]:
    return {
        f"attention_{name}{suffix}/layer{layer}-head{head}": float(values[layer, head])
        for name, values in figures.items()
        for layer, head in np.ndindex(*values.shape)
    }


def _drawn(maps: Sequence[AttentionMap]) -> AttentionMap | None:
    """The first map whose tokens can all be named, else the first that is not empty."""
    full = [one for one in maps if one.weights.size]
    named = [one for one in full if max(len(one.queries), len(one.keys)) <= MOST_NAMES]
    return next(iter(named or full), None)
