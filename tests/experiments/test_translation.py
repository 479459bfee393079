"""Translation reaches the figures that its configs state."""

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from attnrun.errors import UserError
from attnrun.launch.config import compose
from attnrun.launch.job import execute
from attnrun.launch.trained import open_model
from attnrun.runs.checkpoints import load_best
from attnrun.runs.find import RunRecord
from attnrun.training import checkpoint
from attnrun.training.metrics import bleu, chrf
from attnrun.training.textbook import textbook_bleu
from tests.experiments.small import TINY, aligned_corpus, lines_of, rows_of
from tests.training.outcome import equal, outcome

Train = Callable[..., Any]


@pytest.mark.figures
@pytest.mark.timeout(1200)
def test_attention_learns_the_corpus_and_a_fixed_context_fails_on_long_sentences(train: Train) -> None:
    one = "runtime.threads=1"  # two threads wait for each other where something else runs too
    attention = train("translation", one)["metrics"]
    fixed = train("translation", "attention=none", one)["metrics"]
    assert attention["bleu"] >= 90
    assert attention["bleu_long"] >= 90
    assert fixed["bleu_long"] < attention["bleu_long"] - 20
    assert fixed["bleu_long"] < fixed["bleu"]


@pytest.mark.figures
@pytest.mark.timeout(1200)
def test_the_textbooks_settings_give_its_figures(train: Train, corpora: Path) -> None:
    plain = train("seq2seq-textbook", "runtime.threads=1")["metrics"]
    assert plain["textbook_loss"] <= 0.023
    runs = train("bahdanau-textbook", "runtime.threads=1", "-m", "seed=range(5)")
    found = [run["metrics"] for run in runs]
    assert len(found) == 5
    assert max(metrics["textbook_loss"] for metrics in found) <= 0.025
    assert median(metrics["textbook_bleu"] for metrics in found) >= 0.91
    assert max(metrics["bleu"] for metrics in found) < 5  # of sentences that are not among the 600


@pytest.mark.figures
@pytest.mark.timeout(1800)
def test_the_textbooks_transformer_gives_its_figures(train: Train, corpora: Path) -> None:
    runs = train("transformer-textbook", "runtime.threads=1", "-m", "seed=range(3)")
    found = [run["metrics"] for run in runs]
    assert len(found) == 3
    assert max(metrics["textbook_loss"] for metrics in found) <= 0.036
    assert median(metrics["textbook_bleu"] for metrics in found) >= 0.85  # of four phrases: a word is .25


@pytest.mark.figures
@pytest.mark.timeout(2400)
def test_captions_reach_a_fair_score_in_four_epochs(train: Train, corpora: Path) -> None:
    found = train("translation-multi30k", "runtime.threads=1", "trainer.epochs=4")["metrics"]
    assert found["bleu"] >= 30
    assert "case:lc|eff:no|tok:none" in found["bleu_signature"]
    assert found["bleu_cased"] >= 28
    assert "case:mixed|eff:no|tok:13a" in found["bleu_cased_signature"]


SMALL = ["trainer.epochs=1", "model.hidden=30", "model.embedding=29", "runtime.threads=1"]


@pytest.mark.slow
def test_real_sentences_train_and_score(train: Train, tmp_path: Path, corpora: Path) -> None:
    keys = ["corpus.limit=2000", "tokeniser=bpe", "tokeniser.size=500"]
    document = train("translation-tatoeba", *keys, *SMALL)
    run = tmp_path / document["run"]
    rows = rows_of(run)
    assert len(rows) == document["metrics"]["test_pairs"] > 50
    assert "version:" in document["metrics"]["bleu_signature"]
    learned = json.loads((run / "source_vocabulary.json").read_text(encoding="utf-8"))
    assert learned["kind"] == "bpe"
    model = open_model(run).model
    assert model.source_embedding is model.target_embedding


@pytest.mark.slow
def test_the_textbooks_figures_are_of_the_last_epoch_and_the_phrases(
    train: Train, tmp_path: Path, corpora: Path
) -> None:
    two = ["trainer.epochs=2", "corpus.test=20", "corpus.valid=20", "corpus.limit=64"]
    document = train("bahdanau-textbook", *two, "runtime.threads=1")
    run = tmp_path / document["run"]
    losses = [row["train/epoch_loss"] for row in lines_of(run / "metrics.jsonl") if "train/epoch_loss" in row]
    assert len(losses) == 2
    assert document["metrics"]["textbook_loss"] == losses[-1] / 10
    phrases = lines_of(run / "samples/phrases.jsonl")
    found = [textbook_bleu(row["prediction"].split(), row["target"].split()) for row in phrases]
    assert found == [row["bleu"] for row in phrases]
    assert document["metrics"]["textbook_bleu"] == pytest.approx(sum(found) / 4)


@pytest.mark.slow
def test_a_model_of_tokens_is_scored_on_them_and_talks_in_plain_text(
    train: Train, tmp_path: Path, corpora: Path
) -> None:
    keys = ["corpus.limit=400", "filter.maximum_words=30", "tokeniser=word", "tokeniser.minimum_frequency=1"]
    document = train("translation-multi30k", *SMALL, *keys)
    run = tmp_path / document["run"]
    _check_scores(document["metrics"], rows_of(run))
    report = json.loads((run / "filter.json").read_text(encoding="utf-8"))
    assert report["train"]["kept"] + sum(report["train"]["dropped"].values()) == 400
    translator = open_model(run)
    text = 'Ein Mann sagt "Hallo", am Zaun.'
    (found,) = translator.weights([text])
    assert found.keys == ["ein", "mann", "sagt", "&quot;", "hallo", "&quot;", ",", "am", "zaun", "."]
    assert found.title == text
    assert "ein" not in translator.unknown([text])
    (answer,) = translator.predict([text])
    assert answer[:1] == answer[:1].upper()
    assert len(translator.predict(["\x1b", "Ein  Hund\u2028!"])) == 2
    assert translator.model.source_embedding is not translator.model.target_embedding
    _damage_every_file(run)


def _damage_every_file(run: Path) -> None:
    for name in ("source_vocabulary", "target_vocabulary", "text"):
        file = run / f"{name}.json"
        whole = file.read_bytes()
        for junk in ("", "[]", "{}", '{"kind": []}', '{"moses": [{}, []]}'):
            file.write_text(junk)
            with pytest.raises(UserError, match="is damaged"):
                open_model(run)
        file.write_bytes(whole)
    open_model(run)


def _check_scores(metrics: dict[str, Any], rows: list[dict[str, str]]) -> None:
    assert rows[0]["target"] == "a man in an orange hat starring at something ."
    assert rows[0]["plain_target"] == "A man in an orange hat starring at something."
    assert rows[1]["plain_target"].startswith("A Boston Terrier is running")  # as published, not restored
    tokens, plain = (
        [[row[f"{form}{name}"] for row in rows] for name in ("prediction", "target")]
        for form in ("", "plain_")
    )
    assert metrics["bleu"] == bleu(*tokens, lowercase=True, tokenize="none")["score"]
    assert metrics["bleu_cased"] == bleu(*plain)["score"]
    assert metrics["chrf_cased"] == chrf(*plain)["score"]


@pytest.mark.parametrize(
    ("subwords", "otherwise"),
    [
        pytest.param(
            ["tokeniser=bpe", "tokeniser.size=55", "tokeniser.dropout=0.3"],
            "tokeniser.dropout=0.0",
            marks=pytest.mark.slow,
        ),
        (["tokeniser=unigram", "tokeniser.size=55"], "tokeniser.joint=false"),
    ],
    ids=["merges dropped", "unigram"],
)
def test_subwords_accumulation_and_averaging_resume_exactly(
    subwords: list[str], otherwise: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = [
        "batch_size=null",
        "batch_tokens=150",
        "trainer.accumulate=2",
        "optim.lr=0.03",
        "schedule.warmup=0",
    ]
    ends = ["trainer.max_steps=null", "trainer.epochs=4", "trainer.average=3", "trainer.checkpoint_every=2"]
    ends += ["schedule.warmup=0"]
    words = [*TINY, *aligned_corpus(tmp_path), *subwords, *batches, *ends]
    plain = compose("translation", words)
    assert execute(plain, tmp_path / "whole").status == "done"
    save, saves = checkpoint.save, 0

    def dying(*args: Any, **keys: Any) -> Path:
        nonlocal saves
        saves += 1
        if saves == 4:
            raise RuntimeError("killed")
        return save(*args, **keys)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "save", dying)
        assert execute(plain, tmp_path / "run").status == "failed"
    assert (
        execute(compose("translation", [*words, "runtime.data_workers=2"]), tmp_path / "run").status == "done"
    )
    assert equal(outcome(tmp_path / "run"), outcome(tmp_path / "whole"))
    assert equal(*(dict(load_best(tmp_path / name)["model"]) for name in ("run", "whole")))
    first, second = (RunRecord(tmp_path / name).metrics for name in ("whole", "run"))
    assert first == second and first["weights"] in ("average", "best")
    other = execute(compose("translation", [*words, otherwise]), tmp_path / "other")
    assert other.status == "done"
    assert not equal(outcome(tmp_path / "other")["parts"], outcome(tmp_path / "whole")["parts"])
