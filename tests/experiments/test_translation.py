"""Translation reaches the figures that its configs state."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Train = Callable[..., Any]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_attention_learns_the_corpus_and_a_fixed_context_fails_on_long_sentences(train: Train) -> None:
    one = "runtime.threads=1"  # two threads wait for each other where something else runs too
    attention = train("translation", one)["metrics"]
    fixed = train("translation", "attention=none", one)["metrics"]
    assert attention["bleu"] >= 90
    assert attention["bleu_long"] >= 90
    assert fixed["bleu_long"] < attention["bleu_long"] - 20
    assert fixed["bleu_long"] < fixed["bleu"]


def test_real_sentences_train_and_score(train: Train, tmp_path: Path, test_data: Path) -> None:
    words = ["corpus.limit=2000", "trainer.epochs=1", "model.hidden=31", "model.embedding=29"]
    path = f"corpus.path={test_data / 'fra-eng' / 'fra-eng.zip'}"
    document = train("translation-tatoeba", path, *words)
    run = tmp_path / document["run"]
    rows = [
        json.loads(line) for line in (run / "samples/test.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len(rows) == document["metrics"]["test_pairs"] > 50
    assert "version:" in document["metrics"]["bleu_signature"]
    learned = json.loads((run / "source_vocabulary.json").read_text(encoding="utf-8"))
    assert learned["kind"] == "word"
