"""Cues that direct attention: what stands out by itself, and what one looks for (James 1890)."""

import torch

from attnrun.attention import Dot, attend, masked_sigmoid, masked_softmax
from attnrun.claims.trial import Trial
from attnrun.ranges import NonNegativeFloat, PositiveFloat, PositiveInt

# What one sees of five things on a desk: how colourful they are, and which kind of thing.
_OBJECTS = ("newspaper", "report", "cup", "notebook", "book")
_COLOURFUL = (0.1, 0.0, 1.0, 0.1, 0.2)


def desk(seed: int, *, sharpness: PositiveFloat, noise: NonNegativeFloat) -> Trial:
    """Weights of five things: `…_salient` by their colour alone, `…_sought` with the query "book".

    Each thing's features get normal noise of this deviation.
    """
    generator = torch.Generator().manual_seed(seed)
    colour = torch.tensor(_COLOURFUL, dtype=torch.float64) + noise * torch.randn(5, generator=generator)
    kinds = torch.eye(5, dtype=torch.float64) + noise * torch.randn(5, 5, generator=generator)
    keys, values = torch.cat([colour[:, None], kinds], 1), torch.eye(5, dtype=torch.float64)
    cues = {"salient": torch.eye(6, dtype=torch.float64)[0], "sought": torch.eye(6, dtype=torch.float64)[5]}
    figures: dict[str, float] = {}
    for name, query in cues.items():
        _, weights = attend(Dot(6, 6), sharpness * query[None], keys, values, need_weights=True)
        assert weights is not None
        figures |= {f"{thing}_{name}": float(weights[0, place]) for place, thing in enumerate(_OBJECTS)}
    return Trial(figures)


def counting(seed: int, *, animals: PositiveInt, sharpness: PositiveFloat) -> Trial:
    """How many of the animals are cats: the largest mistake over scenes of 0 to all, by two normalisers.

    The query is "cat", each animal's value 1. Weights of `softmax` always sum to 1, so that their sum cannot
    count; those of `sigmoid` are of each animal for itself.
    """
    generator = torch.Generator().manual_seed(seed)
    scenes = (torch.arange(animals)[None] < torch.arange(animals + 1)[:, None]).double()  # (scenes, animals)
    scenes = scenes[:, torch.randperm(animals, generator=generator)]
    scores = sharpness * (2 * scenes - 1)
    return Trial(
        {
            "error_softmax": float((masked_softmax(scores, None).sum(-1) - scenes.sum(-1)).abs().max()),
            "error_sigmoid": float((masked_sigmoid(scores, None).sum(-1) - scenes.sum(-1)).abs().max()),
        }
    )
