"""Scores of translations by sacreBLEU (Post 2018), with the signature that makes them comparable."""

from collections.abc import Sequence
from typing import Any

from attnrun.errors import UserError, suggest


def bleu(
    hypotheses: Sequence[str], references: Sequence[str], lowercase: bool = False, tokenize: str = "13a"
) -> dict[str, Any]:
    """Return corpus BLEU (Papineni et al. 2002), one reference each: {"score": 0..100, "signature": ...}.

    Raises:
        UserError: sacreBLEU has no such tokeniser.
        ValueError: not one reference for each hypothesis, or none at all.
    """
    from sacrebleu.metrics.bleu import BLEU

    if tokenize not in BLEU.TOKENIZERS:
        raise UserError(f"sacreBLEU has no tokeniser {tokenize!r}{suggest(tokenize, BLEU.TOKENIZERS)}")
    # Lower-cased, tokenised text is what some published figures are of: scoring it is no mistake to warn of.
    return _score(BLEU(lowercase=lowercase, tokenize=tokenize, force=True), hypotheses, references)


def chrf(hypotheses: Sequence[str], references: Sequence[str], lowercase: bool = False) -> dict[str, Any]:
    """Return corpus chrF2 (Popović 2015), one reference each: {"score": 0..100, "signature": ...}."""
    from sacrebleu.metrics.chrf import CHRF

    return _score(CHRF(lowercase=lowercase), hypotheses, references)


def translation_scores(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    lowercase: bool = False,
    tokenize: str = "13a",
    suffix: str = "",
) -> dict[str, Any]:
    """Return BLEU, chrF and their signatures as `bleu`, `bleu_signature`, `chrf`, `chrf_signature`.

    `suffix` is added to bleu and chrf, for scores of other forms of the same texts. Raises as `bleu` does.
    """
    found = {
        "bleu": bleu(hypotheses, references, lowercase, tokenize),
        "chrf": chrf(hypotheses, references, lowercase),
    }
    scores = {f"{name}{suffix}": one["score"] for name, one in found.items()}
    return scores | {f"{name}{suffix}_signature": one["signature"] for name, one in found.items()}


def _score(metric: Any, hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    if len(hypotheses) != len(references) or not hypotheses:
        raise ValueError(f"{len(hypotheses)} hypotheses for {len(references)} references")
    found = metric.corpus_score(list(hypotheses), [list(references)])
    return {"score": float(found.score), "signature": str(metric.get_signature())}
