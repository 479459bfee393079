"""Scores of rows of translations: which texts they are of."""

from attnrun.training.metrics import bleu, chrf
from attnrun.training.scoring import rows_bleu, rows_scores

ROWS = [
    {"source": "a b", "target": "The cat sees me , now .", "prediction": "the cat sees me , then ."},
    {"source": "a b c d", "target": "He goes home with the dog .", "prediction": "He goes home with a dog ."},
    {"source": "a b c", "target": "Where are the small houses ?", "prediction": "where is the small house ?"},
]


def test_rows_are_scored_as_metrics_score_their_columns() -> None:
    predictions, targets = [row["prediction"] for row in ROWS], [row["target"] for row in ROWS]
    scores = rows_scores(ROWS, True, "none", lambda text: len(text.split()) > 2)
    whole = bleu(predictions, targets, lowercase=True, tokenize="none")
    assert (scores["bleu"], scores["bleu_signature"]) == (whole["score"], whole["signature"])
    assert rows_bleu(ROWS, True, "none") == whole["score"] != rows_bleu(ROWS, False, "13a")
    assert scores["chrf"] == chrf(predictions, targets, lowercase=True)["score"]
    assert scores["bleu_long"] == bleu(predictions[1:], targets[1:], True, "none")["score"]
    assert set(scores) == {"bleu", "bleu_signature", "chrf", "chrf_signature", "bleu_long"}


def test_without_long_sources_there_is_no_score_of_them() -> None:
    assert "bleu_long" not in rows_scores(ROWS, True, "none", lambda text: False)


def test_plain_text_is_scored_beside_tokens_in_its_own_case() -> None:
    plain = [
        row | {f"plain_{side}": row[side].replace(" .", ".") for side in ("target", "prediction")}
        for row in ROWS
    ]
    scores = rows_scores(plain, True, "none", lambda text: False)
    columns = [[row[f"plain_{side}"] for row in plain] for side in ("prediction", "target")]
    assert scores["bleu_cased"] == bleu(*columns)["score"]
    assert "case:mixed" in scores["bleu_cased_signature"] and scores["bleu"] != scores["bleu_cased"]
