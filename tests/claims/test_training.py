"""Claims about trained models: which are trained, and how their metrics become figures, tables and curves."""

import json
from pathlib import Path

import pytest
from sacrebleu import corpus_bleu

from attnrun.claims.reordering import by_order
from attnrun.claims.training import variants
from attnrun.errors import UserError
from tests.experiments.small import TINY, aligned_corpus

QUICK = "trainer.max_steps=2 runtime.threads=1"
KERNELS = {"gaussian": "attention=gaussian", "average": "attention=average"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs of these tests land: one that two of them ask for is trained once."""
    return tmp_path_factory.mktemp("claims")


@pytest.fixture(autouse=True)
def below(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def test_a_figure_is_a_metric_of_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = variants(
        5,
        variants={"one": "nw-regression data.samples=17"},
        metrics=["test_mse_learned"],
        words=QUICK,
        less={"none": "test_mse_learned_one - test_mse_learned_one"},
    )
    (result,) = tmp_path.glob("outputs/nw-regression/claims/*/result.json")
    metrics = json.loads(result.read_text())["metrics"]
    assert found.figures == {"test_mse_learned_one": metrics["test_mse_learned"], "none": 0.0}
    assert not found.curves and not found.columns


def test_over_numbers_there_is_a_curve() -> None:
    sizes = {11: "data.samples=11", 23: "data.samples=23"}
    keys = {"variants": {"noisy": "nw-regression"}, "words": QUICK, "over": sizes}
    found = variants(0, metrics=["test_mse_learned"], **keys)  # type: ignore[arg-type]
    first, second = found.figures["test_mse_learned_noisy_11"], found.figures["test_mse_learned_noisy_23"]
    assert found.curves == {"noisy": [(11, first), (23, second)]} and first != second
    again = variants(0, metrics=["test_mse_learned", "test_mse_average"], **keys)  # type: ignore[arg-type]
    assert list(again.curves) == ["test_mse_learned noisy", "test_mse_average noisy"]


def test_over_words_there_is_a_table_of_what_each_experiment_judges_by() -> None:
    tasks = {"few": "nw-regression data.samples=11", "many": "nw-regression data.samples=23"}
    found = variants(0, variants=KERNELS, words=QUICK, over=tasks)
    assert list(found.columns) == ["few", "many"] and not found.curves
    assert list(found.figures) == ["gaussian_few", "gaussian_many", "average_few", "average_many"]
    assert found.figures["gaussian_few"] != found.figures["average_few"]


def test_too_few_sources_of_every_length_give_no_curve(tmp_path: Path) -> None:
    words = " ".join(["translation", *aligned_corpus(tmp_path), "corpus.test=19", *TINY])
    with pytest.raises(UserError, match=r"keys\.by_length: .* has fewer than 20 test sources"):
        variants(0, variants={"one": words}, metrics=["bleu"], by_length=True)


@pytest.mark.slow
def test_by_length_the_ends_of_the_curve_are_figures() -> None:
    words = "corpus.limit=300 corpus.held_out=200 model.hidden=16 model.embedding=16 trainer.epochs=1"
    found = variants(0, variants={"one": f"translation {words}"}, metrics=["bleu"], by_length=True)
    points = found.curves["one"]
    assert [x for x, _ in points] == sorted(x for x, _ in points) and points[0][0] == 1
    assert found.figures["shortest_one"] == points[0][1] and found.figures["longest_one"] == points[-1][1]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"variants": {"a": "seed=1"}}, "keys.variants.a: give an experiment"),
        (
            {"variants": {"a": "nw-regression"}, "over": {"b": "translation"}},
            "keys.variants.a: give an exper",
        ),
        (
            {"variants": {"a": "nw-regression"}, "metrics": ["test_mse_lerned"]},
            "did you mean 'test_mse_learned'?",
        ),
        ({"variants": {"a": "nw-regression"}, "less": {"b": "a - c"}}, "keys.less.b: 'a - c' is no"),
    ],
)
def test_a_mistake_is_named(keys: dict[str, dict[str, str]], message: str) -> None:
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        variants(0, words=QUICK, **keys)  # type: ignore[arg-type]


ORDERS = {"in_order": (0, 1, 2), "neighbours": (1, 0, 2), "further": (2, 1, 0)}


def test_sentences_are_scored_by_how_far_their_words_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [
        (f"{one} {two} {three}", [(one, two, three)[place] for place in order], order)
        for one in "abcdefgh"
        for two in "klmn"
        for three in "uvw"
        for order in ORDERS.values()
    ]
    (tmp_path / "pairs.tsv").write_text(
        "".join(
            f"{source} {order[0]}\t{' '.join(target)} {order[0]}\t"
            f"{' '.join(f'{place}-{order.index(place)}' for place in range(3))} 3-3\n"
            for source, target, order in rows
        )
    )
    corpus = f"corpus=tsv corpus.path={tmp_path / 'pairs.tsv'} corpus.alignment_column=3"
    words = f"{corpus} corpus.test=60 corpus.valid=9 {' '.join(TINY)}"
    found = by_order(0, variants={"one": "translation"}, words=words)
    assert list(found.columns) == list(ORDERS)
    assert {f"one_{name}" for name in ORDERS} | {"bleu_one", "lost_one"} == set(found.figures)
    (result,) = Path().glob("outputs/translation/claims/*/result.json")
    assert found.figures["bleu_one"] == pytest.approx(json.loads(result.read_text())["metrics"]["bleu"])
    # A model of three steps is as bad everywhere: answers are made worse the further words move.
    (samples,) = Path().glob("outputs/translation/claims/*/samples/test.jsonl")
    chosen = [json.loads(line) for line in samples.read_text().splitlines()]
    kinds = [list(ORDERS)[int(row["source"].split()[-1])] for row in chosen]
    for row, kind in zip(chosen, kinds, strict=True):
        row["prediction"] = {"in_order": row["target"], "neighbours": row["source"], "further": "x"}[kind]
    samples.write_text("".join(json.dumps(row) + "\n" for row in chosen))
    found = by_order(0, variants={"one": "translation"}, words=words)
    assert found.figures["one_in_order"] == pytest.approx(100) and found.figures["one_further"] == 0
    of_neighbours = [row for row, kind in zip(chosen, kinds, strict=True) if kind == "neighbours"]
    said, right = ([row[side] for row in of_neighbours] for side in ("prediction", "target"))
    expected = corpus_bleu(said, [right], lowercase=True).score
    assert found.figures["one_neighbours"] == pytest.approx(expected) and 0 < expected < 100
    assert found.figures["lost_one"] == pytest.approx(100)
    words = " ".join(["translation", *aligned_corpus(tmp_path), *TINY])
    with pytest.raises(UserError, match="no test sentence is in_order"):
        by_order(0, variants={"one": words})
