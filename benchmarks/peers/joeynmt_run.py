"""A whole training by JoeyNMT's own command: its texts, its vocabularies and its config."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from attnrun.bench.texts import Texts
from attnrun.data.vocabulary import SPECIALS


def prepare(
    place: Path,
    texts: Texts,
    *,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    validation_pairs: int,
) -> None:
    """Write texts, vocabularies and config.yaml to `place`; it validates after each epoch, greedily."""
    place.mkdir(parents=True)
    corpus = texts.corpus
    for name, pairs in (("train", corpus.train), ("valid", corpus.valid)):
        _write(place, name, corpus.source_language, [pair.source for pair in pairs])
        _write(place, name, corpus.target_language, [pair.target for pair in pairs])
    data = {"train": "train", "dev": "valid", "dataset_type": "plain"}
    sides = {
        "src": (corpus.source_language, texts.source),
        "trg": (corpus.target_language, texts.target),
    }
    for side, (language, tokeniser) in sides.items():
        words = [tokeniser.labels([number])[0] for number in range(len(SPECIALS), tokeniser.size)]
        _write(place, "words", language, words)
        data[side] = {"lang": language, "level": "word", "voc_file": f"words.{language}"}  # type: ignore[assignment]
    epoch = math.ceil(len(corpus.train) / training["batch_size"])  # steps
    config = {
        "name": "attnrun-bench",
        "joeynmt_version": "2.3.0",
        "model_dir": "model",
        "use_cuda": False,
        "random_seed": 0,
        "data": data,
        "model": dict(model),
        "training": _TRAINING | dict(training) | {"validation_freq": epoch, "logging_freq": epoch},
        "testing": _TESTING | {"batch_size": validation_pairs},
    }
    (place / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


_TRAINING = {
    "optimizer": "adam",
    "scheduling": "warmupinversesquareroot",
    "learning_rate_min": 1e-9,
    "normalization": "tokens",
    "batch_type": "sentence",
    "early_stopping_metric": "bleu",
    "shuffle": True,
    "keep_best_ckpts": 2,
    "print_valid_sents": [0],
}
_TESTING = {
    "beam_size": 1,
    "batch_type": "sentence",
    "eval_metrics": ["bleu"],
    "sacrebleu_cfg": {"lowercase": True, "tokenize": "none"},
}


def _write(place: Path, name: str, language: str, lines: list[str]) -> None:
    (place / f"{name}.{language}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
