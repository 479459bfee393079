"""Statements about where a trained model looks: from step to step, and from head to head."""

from collections.abc import Iterator, Sequence
from itertools import combinations, islice

import numpy as np

from attnrun.analysis.head_lab import Lab
from attnrun.analysis.maps import AttentionMap
from attnrun.claims.training import read_words, trained_run
from attnrun.claims.trial import Trial
from attnrun.launch.trained import open_development, open_model
from attnrun.ranges import PositiveInt
from attnrun.runs.find import RunRecord
from attnrun.runs.samples import read_samples


def steps(seed: int, *, training: str, sentences: PositiveInt) -> Trial:
    """How the weights of a trained translator change from one output token to the next, in test sentences.

    `change` is the mean L1 distance of two steps that follow each other, 2 at most; `moved` is the share of
    steps whose strongest source token is another one than at the step before. `training` is an experiment
    with its words.
    """
    changes, moved = [], []
    for found in _maps(seed, training, sentences):
        weights = found.weights.mean((0, 1)).astype(np.float64)  # (N, M)
        changes += np.abs(np.diff(weights, axis=0)).sum(-1).tolist()
        moved += (np.diff(weights.argmax(-1)) != 0).tolist()
    return Trial({"change": float(np.mean(changes)), "moved": float(np.mean(moved))})


def heads(seed: int, *, training: str, sentences: PositiveInt) -> Trial:
    """How unlike the heads of a layer are, and what the metric loses without each head of the model.

    `distance` is the mean L1 distance of the rows of two heads, which is 2 at most; `lost_most` and
    `lost_least` are what ablation of the most and the least important head costs (Michel et al. 2019), in
    points of the metric.
    """
    distances = [
        float(np.abs(one - other).sum(-1).mean())
        for found in _maps(seed, training, sentences)
        for layer in found.weights.astype(np.float64)
        for one, other in combinations(layer, 2)
    ]
    directory = trained_run(seed, read_words(training, "training"))
    lab = Lab(open_development(directory), *RunRecord(directory).primary)
    whole = lab.measure()
    lost = [lab.lost(whole, without) for without in lab.ablations()]
    figures = {"lost_most": max(lost), "lost_least": min(lost)}
    return Trial({"distance": float(np.mean(distances)), **figures})


def words(seed: int, *, training: str, pairs: dict[str, str], texts: list[str]) -> Trial:
    """How often a trained translator looks most at the word that it translates, by the word that it says.

    `pairs` are source word -> target word, or several forms of it; a figure is called as the first. It is the
    share of the times when the translator says one of them, of a source with the source word, that this
    weighs most; 0 where it never says any. `all` is the share over all pairs. Sources are those of the test
    set with a word of `pairs`, and `texts`.
    """
    directory = trained_run(seed, read_words(training, "training"))
    test = [row["source"] for row in read_samples(directory, "test")]
    sources = [text for text in [*test, *texts] if set(text.split()) & set(pairs)]
    forms = {source: targets.split() for source, targets in pairs.items()}
    looked: dict[str, list[bool]] = {targets[0]: [] for targets in forms.values()}
    for found in open_model(directory).weights(sources):
        strongest = found.weights.mean((0, 1)).argmax(-1)  # (N,)
        for source, targets in forms.items():
            if source in found.keys:
                looked[targets[0]] += [
                    found.keys[place] == source
                    for said, place in zip(found.queries, strongest, strict=True)
                    if said in targets
                ]
    every = [one for hits in looked.values() for one in hits]
    shares = {target: float(np.mean(hits)) if hits else 0.0 for target, hits in looked.items()}
    return Trial({"all": float(np.mean(every)) if every else 0.0, **shares})


def _maps(seed: int, training: str, sentences: int) -> Iterator[AttentionMap]:
    directory = trained_run(seed, read_words(training, "training"))
    rows = islice(read_samples(directory, "test"), sentences)
    maps: Sequence[AttentionMap] = open_model(directory).weights([row["source"] for row in rows])
    return (found for found in maps if len(found.queries) > 1)
