"""BLEU and chrF against the sacrebleu command."""

import json
import subprocess
import sys

import pytest

from attnrun.errors import UserError
from attnrun.training.metrics import bleu, chrf, translation_scores

REFERENCES = ["Le chat est sur le tapis.", "Il fait très beau aujourd'hui !", "Où est la gare ?", "Merci."]
HYPOTHESES = [
    "le chat est sur un tapis.",
    "Il fait beau aujourd'hui !",
    "Où est la gare ?",
    "Merci beaucoup.",
]


def command_line(tmp_path, *options: str) -> dict:
    for name, lines in (("reference", REFERENCES), ("hypothesis", HYPOTHESES)):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "sacrebleu",
        tmp_path / "reference",
        "-i",
        tmp_path / "hypothesis",
        "-w",
        "12",
    ]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def check(found: dict, expected: dict) -> None:
    assert found["score"] == pytest.approx(expected["score"], abs=1e-10)
    assert 0 < found["score"] < 100
    assert found["signature"] == expected["signature"]


def test_bleu(tmp_path):
    check(bleu(HYPOTHESES, REFERENCES), command_line(tmp_path))


def test_bleu_lowercase_without_tokenising(tmp_path):
    expected = command_line(tmp_path, "--lowercase", "--tokenize", "none")
    check(bleu(HYPOTHESES, REFERENCES, lowercase=True, tokenize="none"), expected)


def test_chrf(tmp_path):
    check(chrf(HYPOTHESES, REFERENCES), command_line(tmp_path, "--metrics", "chrf"))


def test_perfect():
    assert bleu(REFERENCES, REFERENCES)["score"] == pytest.approx(100)
    assert chrf(REFERENCES, REFERENCES)["score"] == pytest.approx(100)


def test_mistakes():
    with pytest.raises(UserError, match="did you mean '13a'"):
        bleu(HYPOTHESES, REFERENCES, tokenize="13b")
    with pytest.raises(ValueError, match="3 hypotheses for 4"):
        bleu(HYPOTHESES[:3], REFERENCES)
    with pytest.raises(ValueError, match="0 hypotheses"):
        chrf([], [])


def test_scores_of_another_form_of_the_texts_have_names_of_their_own() -> None:
    found = translation_scores(HYPOTHESES, REFERENCES, suffix="_cased")
    assert found["bleu_cased"] == bleu(HYPOTHESES, REFERENCES)["score"]
    assert found["chrf_cased"] == chrf(HYPOTHESES, REFERENCES)["score"]
    assert "tok:13a" in found["bleu_cased_signature"]
    tokens = translation_scores(HYPOTHESES, REFERENCES, lowercase=True, tokenize="none")
    assert "case:lc" in tokens["bleu_signature"]
    assert "tok:none" in tokens["bleu_signature"]
    assert tokens["bleu"] != found["bleu_cased"]
    assert not found.keys() & tokens.keys()
