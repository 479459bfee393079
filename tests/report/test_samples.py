"""Which samples a page shows and how good they are: against sacreBLEU itself, by hand, and by content."""

import json
import math
from pathlib import Path

import pytest
import yaml
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from attnrun.analysis.sample_scores import by_length, choose, ranked, score_answers
from attnrun.cli.report_samples import samples
from attnrun.errors import UserError
from attnrun.runs.files import PNG

SENTENCES = [
    ("one", "the cat sat", "the cat sat"),
    ("one two three four five", "a dog runs over a green hill", "a dog ran over the green hill"),
    ("a b c d e f", "two men play the guitar in a park", "two men play guitar in a small park"),
    ("a b c d e f g h i j", "nothing is like this at all", "everything is like that"),
    (" ".join("abcdefghijklmnopqrstuvwxyzabcde"), "a long text", "a long text of all letters"),
]


def made(place: Path, rows: list[dict[str, object]], data: dict[str, object], **result: object) -> Path:
    """A finished run with these test samples."""
    (place / "samples").mkdir(parents=True)
    (place / "samples/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / "config.yaml").write_text(yaml.safe_dump({"experiment": "x", "data": data}))
    (place / "result.json").write_text(json.dumps({"status": "done", **result}))
    return place


def test_free_texts_are_scored_by_chrf_as_sacrebleu_does() -> None:
    found = score_answers([(right, said) for _, right, said in SENTENCES], {"bleu": 1.0})
    assert found.name == "chrF"
    assert found.values == [CHRF().sentence_score(said, [right]).score for _, right, said in SENTENCES]
    assert found.values[0] == pytest.approx(100) and min(found.values) < 60


def test_numbers_are_scored_by_their_error_and_one_that_is_none_is_the_worst() -> None:
    answers = [("1.5 2 3", "1.5 4 0"), ("-1", "2"), ("0.25", "nan"), ("1", "inf"), ("1 2", "1"), ("0", "0")]
    found = score_answers(answers, {"mse": 1.0})
    assert found.name == "minus the error"
    assert found.values[:2] == [pytest.approx(-math.sqrt(13 / 3)), -3] and found.values[5] == 0
    assert len(set(found.values[2:5])) == 1 and math.isfinite(found.values[2])
    assert ranked(found.values) == [5, 0, 1, 2, 3, 4]
    assert json.loads(json.dumps(found.values, allow_nan=False)) == found.values


def test_other_answers_are_scored_by_what_is_right_at_its_place() -> None:
    answers = [("N V D", "N D D"), ("N", "N V"), ("", ""), ("nan", "nan"), ("7", "8")]
    found = score_answers(answers, {"accuracy": 1.0})
    assert (found.name, found.values) == ("share right", [pytest.approx(2 / 3), 0.5, 1.0, 1.0, 0.0])
    assert score_answers([("3", "4"), ("5", "5")], {}).values == [0.0, 1.0]  # whole numbers may be labels


def test_bleu_by_length_is_sacrebleus_of_each_bucket(tmp_path: Path) -> None:
    signature = "nrefs:1|case:mixed|eff:no|tok:none|smooth:exp|version:2.6.0"
    names = ("source", "target", "prediction")
    sides = [SENTENCES, [(source, right, right) for source, right, _ in SENTENCES]]
    places = [
        made(
            tmp_path / str(number),
            [dict(zip(names, one, strict=True)) for one in side],
            {},
            metrics={"bleu_signature": signature},
        )
        for number, side in enumerate(sides)
    ]
    found = by_length(places)
    assert found is not None
    expected = {"1 to 5": [0, 1], "6 to 10": [2, 3], "31 to 40": [4]}
    assert [row["words"] for row in found["rows"]] == list(expected)
    for row, chosen in zip(found["rows"], expected.values(), strict=True):
        assert row["sentences"] == len(chosen)
        for score, side in zip(row["bleu"], sides, strict=True):
            said, right = ([side[at][part] for at in chosen] for part in (2, 1))
            assert score == BLEU(tokenize="none", force=True).corpus_score(said, [right]).score
    assert found["rows"][1]["bleu"][1] == pytest.approx(100) and found["rows"][1]["bleu"][0] < 60


def test_the_best_the_worst_and_the_most_different_are_chosen_and_others_evenly() -> None:
    values = [float(value) for value in (5, 9, 1, 7, 3, 8, 2, 6, 0, 4)]
    assert choose(values, 5) == [1, 8, 0, 2, 4]
    assert choose(values, 5, [0, 0, 0, -4, 0, 0, 0, 1, 0, 0]) == [1, 8, 3, 0, 2]
    assert choose(values, 10) == [1, 5, 8, 2, 0, 3, 4, 6, 7, 9]
    assert choose(values, 1) == [1] and sorted(choose(values, 99)) == list(range(10))
    assert choose([], 4) == []
    many = choose([float(-place) for place in range(1000)], 200)
    assert many[:40] == [*range(20), *range(999, 979, -1)] and len(set(many)) == 200


def images(place: Path, contents: str, data: str, kept: range, shift: int = 0) -> Path:
    """A run of images, one a letter; each is of class a or b by its letter, and some are kept."""
    rows: list[dict[str, object]] = []
    for number, letter in enumerate(contents):
        rows.append({"image": number, "class": "ab"[ord(letter) % 2], "prediction": "b"})
        if number in kept:
            rows[-1]["picture"] = f"test-{number}.png"
    made(place, rows, {"path": data})
    for number in kept:
        (place / "samples" / f"test-{number}.png").write_bytes(PNG + contents[number].encode())
    return place


def test_images_are_paired_by_number_where_both_keep_the_same(tmp_path: Path) -> None:
    first = images(tmp_path / "first", "abcdef", "one", range(3))
    second = images(tmp_path / "second", "abcdef", "copy", range(4))
    found, notes = samples([first, second])
    assert [one.place for one in found] == list(range(6)) and notes == []


def test_images_of_other_test_sets_are_paired_by_what_they_show(tmp_path: Path) -> None:
    first = images(tmp_path / "first", "abcdef", "one", range(5))
    second = images(tmp_path / "second", "cdaxyz", "two", range(6))
    found, notes = samples([first, second])
    assert [(one.place, one.target) for one in found] == [(0, "b"), (2, "b"), (3, "a")]
    assert notes == ["the images of the two runs differ; those are shown that both keep"]
    third = images(tmp_path / "third", "uvwxyz", "three", range(6))
    with pytest.raises(UserError, match="have no input in common"):
        samples([first, third])


def test_images_that_no_run_keeps_are_the_same_where_the_configs_are(tmp_path: Path) -> None:
    first = images(tmp_path / "first", "abcdef", "one", range(0))
    assert len(samples([first, images(tmp_path / "second", "abcdef", "one", range(0))])[0]) == 6
    with pytest.raises(UserError, match="have no input in common"):
        samples([first, images(tmp_path / "third", "abcdef", "two", range(0))])
