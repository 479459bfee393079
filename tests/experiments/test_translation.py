"""Translation reaches the figures that its configs state."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def _train(place: Path, *words: str) -> Any:
    command = [sys.executable, "-m", "attnrun", "train", *words, "--json"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_attention_learns_the_embedded_corpus_and_a_fixed_context_fails_on_long_sentences(
    tmp_path: Path,
) -> None:
    attention = _train(tmp_path, "translation")["metrics"]
    fixed = _train(tmp_path, "translation", "attention=none")["metrics"]
    assert attention["bleu"] >= 90
    assert attention["bleu_long"] >= 90
    assert fixed["bleu_long"] < attention["bleu_long"] - 20
    assert fixed["bleu_long"] < fixed["bleu"]


def test_real_sentences_train_and_score(tmp_path: Path, test_data: Path) -> None:
    words = ["corpus.limit=2000", "trainer.epochs=1", "model.hidden=31", "model.embedding=29"]
    path = f"corpus.path={test_data / 'fra-eng' / 'fra-eng.zip'}"
    document = _train(tmp_path, "translation-tatoeba", path, *words)
    run = tmp_path / document["run"]
    rows = [
        json.loads(line) for line in (run / "samples/test.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len(rows) == document["metrics"]["test_pairs"] > 50
    assert "version:" in document["metrics"]["bleu_signature"]
    learned = json.loads((run / "source_vocabulary.json").read_text(encoding="utf-8"))
    assert learned["kind"] == "word"
