"""Translation reaches the figures that its configs state."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch
from attnrun.experiments.translation import Translator
from torch import nn

from attnrun.attention import lengths_mask
from attnrun.data.alignments import links_tokens
from attnrun.data.corpus import Pair
from attnrun.data.subwords import Bpe
from attnrun.data.tokenisers import Word
from attnrun.errors import UserError
from attnrun.launch.config import check, compose
from attnrun.launch.job import execute
from attnrun.launch.trained import open_model
from attnrun.models.decoding import forced
from attnrun.models.seq2seq import DecoderState, Memory
from attnrun.runs.checkpoints import load_best
from attnrun.runs.find import RunRecord
from attnrun.training import checkpoint
from attnrun.training.metrics import bleu, chrf
from attnrun.training.textbook import textbook_bleu
from tests.training.outcome import equal, outcome

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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_textbooks_transformer_gives_its_figures(train: Train, corpora: Path) -> None:
    runs = train("transformer-textbook", "runtime.threads=1", "-m", "seed=range(3)")
    found = [run["metrics"] for run in runs]
    assert len(found) == 3
    assert max(metrics["textbook_loss"] for metrics in found) <= 0.036
    assert median(metrics["textbook_bleu"] for metrics in found) >= 0.95


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_captions_reach_a_fair_score_in_four_epochs(train: Train, corpora: Path) -> None:
    found = train("translation-multi30k", "runtime.threads=1", "trainer.epochs=4")["metrics"]
    assert found["bleu"] >= 30
    assert "case:lc|eff:no|tok:none" in found["bleu_signature"]
    assert found["bleu_cased"] >= 28
    assert "case:mixed|eff:no|tok:13a" in found["bleu_cased_signature"]


SMALL = ["trainer.epochs=1", "model.hidden=30", "model.embedding=29", "runtime.threads=1"]


def test_real_sentences_train_and_score(train: Train, tmp_path: Path, corpora: Path) -> None:
    keys = ["corpus.limit=2000", "tokeniser=bpe", "tokeniser.size=500"]
    document = train("translation-tatoeba", *keys, *SMALL)
    run = tmp_path / document["run"]
    rows = _rows(run)
    assert len(rows) == document["metrics"]["test_pairs"] > 50
    assert "version:" in document["metrics"]["bleu_signature"]
    learned = json.loads((run / "source_vocabulary.json").read_text(encoding="utf-8"))
    assert learned["kind"] == "bpe"
    model = open_model(run).model
    assert model.source_embedding is model.target_embedding


def test_the_textbooks_figures_are_of_the_last_epoch_and_the_phrases(
    train: Train, tmp_path: Path, corpora: Path
) -> None:
    two = ["trainer.epochs=2", "corpus.test=20", "corpus.valid=20", "corpus.limit=64"]
    document = train("bahdanau-textbook", *two, "runtime.threads=1")
    run = tmp_path / document["run"]
    losses = [row["train/epoch_loss"] for row in _lines(run / "metrics.jsonl") if "train/epoch_loss" in row]
    assert len(losses) == 2
    assert document["metrics"]["textbook_loss"] == losses[-1] / 10
    phrases = _lines(run / "samples/phrases.jsonl")
    found = [textbook_bleu(row["prediction"].split(), row["target"].split()) for row in phrases]
    assert found == [row["bleu"] for row in phrases]
    assert document["metrics"]["textbook_bleu"] == pytest.approx(sum(found) / 4)


def test_a_model_of_tokens_is_scored_on_them_and_talks_in_plain_text(
    train: Train, tmp_path: Path, corpora: Path
) -> None:
    keys = ["corpus.limit=400", "filter.maximum_words=30", "tokeniser=word", "tokeniser.minimum_frequency=1"]
    document = train("translation-multi30k", *SMALL, *keys)
    run = tmp_path / document["run"]
    _check_scores(document["metrics"], _rows(run))
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


def _rows(run: Path) -> list[dict[str, str]]:
    return _lines(run / "samples/test.jsonl")


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]


# Where the decoder looks, against gold links


class Planned(nn.Module):
    """Says the numbers of its plan, each while it looks at the place beside it; None looks nowhere."""

    longest = math.inf

    def __init__(self, plan: list[tuple[int, int | None]], size: int) -> None:
        super().__init__()
        self.plan, self.size = plan, size

    def encode(self, source: Any, lengths: Any) -> Memory:
        return Memory(source[..., None].double(), lengths_mask(lengths, source.shape[1]), (), ())

    def states(self, memory: Memory, target_in: Any, need_weights: bool = False) -> Any:
        outputs, looks = [], []
        for number, place in self.plan[: target_in.shape[1]]:
            outputs.append(torch.eye(self.size).double()[number].expand(len(target_in), -1))
            looks.append(torch.zeros(memory.states.shape[:2]))
            if place is not None:
                looks[-1][:, min(place, looks[-1].shape[1] - 1)] = 1.0
        states = torch.stack(outputs, 1) * 9
        return states, torch.stack(looks, 1)[:, None, None] if need_weights else None

    def start(self, memory: Memory) -> DecoderState:
        return DecoderState(())

    def step(self, memory: Memory, state: DecoderState, token: Any, need_weights: bool = True) -> Any:
        states, weights = self.states(memory, torch.zeros(len(token), state.place + 1), need_weights=True)
        return DecoderState((), state.place + 1), states[:, -1], weights[..., -1, :]

    def project(self, states: Any) -> Any:
        return states


def planned(source: Any, target: Any, plan: list[tuple[int, int | None]], **keys: Any) -> Translator:
    return Translator(Planned(plan, target.size), source, target, None, torch.device("cpu"), **keys)


def test_the_alignment_of_given_targets_leaves_the_end_out() -> None:
    source, target = Word().fit(["a b c d e"] * 2), Word().fit(["u v w x"] * 2)
    pairs = [
        Pair(
            "a b c", "u v", ((0, 0), (2, 1)), possible=((1, 1),)
        ),  # looks at 1 and 1: one wrong, one possible
        Pair("a b c d e", "x w v", ((1, 0), (0, 1), (4, 2))),  # looks at 1, 1, 4: two sure of three
        Pair("b", "u"),
    ]
    translator = planned(source, target, [(4, 1), (4, 1), (4, 4), (4, 0)], batch_size=1)
    judged = [translator.judge(some, align=True) for some in (pairs[:1], pairs[1:2], pairs[:2])]
    assert judged[0]["aer"] == pytest.approx(1 - (0 + 1) / (2 + 2))
    assert judged[1]["aer"] == pytest.approx(1 - (2 + 2) / (3 + 3))
    assert judged[2]["aer"] == pytest.approx(1 - (2 + 3) / (5 + 5))
    assert judged[2]["alignment_accuracy"] == pytest.approx(3 / 5)
    assert set(translator.judge(pairs[:2])) == {"loss"}
    padded = planned(source, target, [(4, 1), (4, 1), (4, 2), (4, 0)], batch_size=2).judge(
        pairs[:2], align=True
    )
    assert padded["alignment_accuracy"] == pytest.approx(2 / 5)


def test_links_are_between_the_tokens_of_a_model_of_words_alone() -> None:
    pairs = [Pair("I'm home.", "J'ai fini, là.", ((0, 0), (3, 4))), Pair("no links", "x")]
    texts = [pairs[0].source] * 2, [pairs[0].target] * 2
    words, stops = ([Word(split=how).fit(side) for side in texts] for how in (None, "stops"))
    pieces = [Bpe(size=50).fit(side) for side in texts]
    assert links_tokens(pairs, *words, tokenised=False)
    for others in (stops, pieces, [words[0], pieces[1]], [stops[0], words[1]]):
        assert not links_tokens(pairs, *others, tokenised=False)
    assert not links_tokens(pairs[1:], *words, tokenised=False)
    spaced = [Pair("a. b", "c , d", None, possible=((0, 0),))]
    spaces = [Word(split="spaces").fit(["x x"])] * 2
    assert links_tokens(spaced, *spaces, tokenised=True)
    assert not links_tokens(spaced, *spaces, tokenised=False)


TINY = ["model.hidden=14", "model.embedding=13", "trainer.max_steps=3", "runtime.threads=1"]


def aligned_corpus(directory: Path) -> list[str]:
    """The words that choose a table of 90 pairs; the translation is x after each word, from the last on."""
    rows = []
    for first, second in product("abcdefghi", "klmnopqrst"):
        source = [first, second, "e"][: 3 if first > "d" else 2]
        target = [f"{word}x" for word in reversed(source)]
        links = " ".join(f"{place}-{len(source) - 1 - place}" for place in range(len(source)))
        rows.append(f"{' '.join(source)}\t{' '.join(target)}\t{links}\n")
    path = directory / "pairs.tsv"
    path.write_text("".join(rows))
    keys = {"path": path, "alignment_column": 3, "valid": 7, "test": 23}
    return ["corpus=tsv", *(f"corpus.{key}={value}" for key, value in keys.items())]


@pytest.mark.parametrize(
    ("words", "aligned"),
    [(["attention=dot"], True), (["attention=none"], False), (["tokeniser=bpe", "tokeniser.size=50"], False)],
)
def test_a_run_reports_the_alignment_where_there_is_one(
    tmp_path: Path, words: list[str], aligned: bool
) -> None:
    plan = check(compose("translation", [*TINY, *aligned_corpus(tmp_path), *words]))
    report = execute(plan.plain, tmp_path / "run")
    assert report.status == "done", report.message
    metrics = RunRecord(tmp_path / "run").result["metrics"]
    assert ("aer" in metrics) is ("alignment_accuracy" in metrics) is aligned
    if aligned:
        found = _alignment_by_sentence(open_model(tmp_path / "run"), plan.config.corpus().test)
        assert (metrics["aer"], metrics["alignment_accuracy"]) == pytest.approx(found)


def _alignment_by_sentence(translator: Translator, pairs: list[Pair]) -> tuple[float, float]:
    hits = asked = sure = 0
    for pair in pairs:
        source, target = translator.source.encode(pair.source), translator.target.encode(pair.target)
        ids = torch.tensor([[translator.target.bos, *target, translator.target.eos]])
        weights = forced(translator.model, torch.tensor([source]), torch.tensor([len(source)]), ids).weights
        for token in range(len(target)):
            row = weights[0, 0, 0, token].tolist()
            hits += (row.index(max(row)), token) in pair.links
        asked, sure = asked + len(target), sure + len(pair.links)
    return 1 - 2 * hits / (asked + sure), hits / asked


# Words that the model does not know


def test_an_unknown_word_becomes_the_source_word_looked_at() -> None:
    source = Word().fit(["who sees the friend of ?"] * 2)
    target = Word().fit(["qui voit l'ami d'un, ?"] * 2)
    number = {token: target.encode(token)[0] for token in ("qui", "voit", "ami", "d'")}
    unk, comma = target.unk, target.encode("a,")[1]
    end = (target.eos, 0)
    plan = [
        (unk, 4),
        (number["voit"], 1),
        (number["d'"], 2),
        (unk, 0),
        (comma, 1),
        (unk, 1),
        (unk, None),
        end,
    ]
    translator = planned(source, target, plan, replace_unknown=True)
    text = "Zoe sees the friend Mia"
    assert translator.predict([text]) == ["mia voit d'zoe, sees <unk>"]
    assert replace(translator, replace_unknown=False).predict([text]) == ["<unk> voit d' <unk>, <unk> <unk>"]
    (found,) = translator.weights([text])
    assert found.queries == ["<unk>", "voit", "d'", "<unk>", ",", "<unk>", "<unk>"]


def test_in_tokenised_text_a_copy_stands_between_spaces() -> None:
    target = Word(split="spaces").fit(["l' ami <unk>"] * 2)
    spelled = target.encode("<unk>")[0]  # an ordinary token of this corpus
    plan = [(target.encode("l'")[0], 0), (target.unk, 1), (spelled, 0), (target.eos, 0)]
    translator = planned(Word(split="spaces").fit(["x x"]), target, plan, replace_unknown=True)
    assert translator.predict(["a Zoe ."]) == ["l' zoe <unk>"]


def test_a_run_samples_and_scores_its_copies(tmp_path: Path) -> None:
    fast = ["trainer.max_steps=12", "trainer.epochs=2", "batch_size=8", "schedule.warmup=0", "optim.lr=0.03"]
    keys = ["tokeniser.maximum_size=7", "replace_unknown=true", *fast]
    plain = compose("translation", [*TINY, *aligned_corpus(tmp_path), *keys])
    report = execute(plain, tmp_path / "run")
    assert report.status == "done", report.message
    rows, translator = _rows(tmp_path / "run"), open_model(tmp_path / "run")
    sources = [row["source"] for row in rows]
    assert [row["prediction"] for row in rows] == translator.predict(sources)
    marked = replace(translator, replace_unknown=False).predict(sources)
    for row, before in zip(rows, marked, strict=True):
        pairs = list(zip(row["prediction"].split(), before.split(), strict=True))
        assert all(word in row["source"].split() if mark == "<unk>" else word == mark for word, mark in pairs)
    assert sum("<unk>" in before for before in marked) > 5
    predictions, targets = ([row[side] for row in rows] for side in ("prediction", "target"))
    assert report.primary == bleu(predictions, targets, lowercase=True)["score"]


def test_dropout_of_merges_accumulation_and_averaging_resume_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subwords = ["tokeniser=bpe", "tokeniser.size=55", "tokeniser.dropout=0.3"]
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
    plainly = execute(compose("translation", [*words, "tokeniser.dropout=0.0"]), tmp_path / "plain")
    assert plainly.status == "done"
    assert not equal(outcome(tmp_path / "plain")["parts"], outcome(tmp_path / "whole")["parts"])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_names_that_are_not_in_the_vocabulary_are_copied(train: Train, tmp_path: Path) -> None:
    keys = ["tokeniser.maximum_size=110", "corpus.limit=12000", "trainer.epochs=3", "runtime.threads=1"]
    document = train("translation", "attention=luong", "replace_unknown=true", *keys)
    translator, rows = open_model(tmp_path / document["run"]), _rows(tmp_path / document["run"])
    marked = replace(translator, replace_unknown=False).predict([row["source"] for row in rows])
    names, copied, known = 0, 0, 0
    for row, before in zip(rows, marked, strict=True):
        same = {word for word in row["source"].split() if word.istitle() and word in row["target"].split()}
        for name in translator.unknown(sorted(same)):
            names += 1
            copied += name in row["prediction"].split()
            known += name in before.split()
    assert names > 100
    assert copied > names / 2 > 5 * known


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["attention=none"],
            "only attention tells what to copy; set replace_unknown=false, or choose model=",
        ),
        (["tokeniser=bpe"], "this tokeniser leaves no word of the training texts unknown; choose tokeniser="),
        (
            ["tokeniser.minimum_frequency=1"],
            "this tokeniser leaves no word of the training texts unknown; choose tokeniser=",
        ),
        (["tokeniser.minimum_frequency=1", "tokeniser.maximum_size=900"], None),
        (["tokeniser.split=stops"], None),
    ],
)
def test_replacing_unknown_words_is_refused_where_it_does_nothing(
    words: list[str], message: str | None
) -> None:
    plan = check(compose("translation", [*words, "replace_unknown=true"]))
    if message is None:
        plan.module.check(plan.config)
        return
    with pytest.raises(UserError, match=f"^replace_unknown: {message}"):
        plan.module.check(plan.config)


def test_what_is_told_to_choose_for_replacing_unknown_words_runs() -> None:
    words = ["replace_unknown=true"]
    with pytest.raises(UserError) as caught:
        check(compose("word-by-word", words)).require_fit()
    _, off, choices = re.split("; set |, or choose ", str(caught.value))
    for better in ([off], choices.split()):
        check(compose("word-by-word", [*words, *better])).require_fit()
