"""The textbook's two figures, against what it prints."""

from pathlib import Path

import pytest

from attnrun.data.moses import Form
from attnrun.errors import UserError
from attnrun.launch.config import check, compose
from attnrun.runs.device import Runtime
from attnrun.runs.run import Run
from attnrun.runs.samples import read_samples
from attnrun.training.textbook import Textbook, textbook_bleu


@pytest.mark.parametrize(
    ("hypothesis", "reference", "score"),
    [
        ("va !", "va !", 1.0),
        ("il est riche .", "il est calme .", 0.658),  # printed in section 10.4
        ("je suis chez", "je suis chez moi .", 0.513),  # exp(1 - 5/3): every part is right, and too few
        ("a b", "c d", 0.0),
        ("va", "va !", 0.0),
        ("", "va !", 0.0),
    ],
)
def test_bleu_of_a_phrase(hypothesis: str, reference: str, score: float) -> None:
    assert textbook_bleu(hypothesis.split(), reference.split()) == pytest.approx(score, abs=5e-4)


def test_counts_are_clipped_and_orders_weigh_by_halves() -> None:
    hypothesis, reference = list("aaba"), list("abcd")
    assert textbook_bleu(hypothesis, reference) == pytest.approx((2 / 4) ** 0.5 * (1 / 3) ** 0.25)
    assert textbook_bleu(hypothesis, reference, most=1) == pytest.approx((2 / 4) ** 0.5)


class Parrot:
    """Translates each phrase as `va !`."""

    form = Form(None)

    def translate(self, sources: list[str]) -> list[str]:
        return ["va !" for _ in sources]


def test_figures_are_the_mean_bleu_and_the_last_loss_over_padded_steps(tmp_path: Path) -> None:
    textbook = Textbook(steps=7, phrases=[("go .", "va !"), ("hi .", "salut ?")])
    how = {"config": {}, "config_hash": "a", "seed": 0, "primary": ("bleu", "max")}
    with Run.open(tmp_path / "run", experiment="tiny", runtime=Runtime(device="cpu"), **how) as run:
        run.log(1, {"train/loss": 3.0})
        run.log(2, {"train/loss": 0.21})
        found = textbook.report(Parrot(), run, "train/loss")
    assert found == {"train_loss": 0.21, "textbook_loss": pytest.approx(0.03), "textbook_bleu": 0.5}
    rows = read_samples(tmp_path / "run", "phrases")
    assert [(row["source"], row["prediction"], row["bleu"]) for row in rows] == [
        ("go .", "va !", 1),
        ("hi .", "va !", 0),
    ]


@pytest.mark.parametrize(
    "override", ["textbook.phrases=[]", "textbook.phrases=[['', a]]", "textbook.steps=0"]
)
def test_what_has_no_figures_is_refused_before_a_training(override: str) -> None:
    with pytest.raises(UserError, match="textbook"):
        check(compose("bahdanau-textbook", [override]))
