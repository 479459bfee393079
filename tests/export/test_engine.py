"""CTranslate2 as the search of a translator: what our own searches find, by files made when needed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from attnrun.data.vocabulary import BOS, EOS, Vocabulary
from attnrun.errors import UserError
from attnrun.export.engine import on_ctranslate2
from attnrun.models.beam import beam
from attnrun.models.decoding import Decoded, greedy
from attnrun.models.rnn import RnnSeq2Seq
from attnrun.models.sampling import sample
from tests.models.searches import SOURCES, TARGETS, rnn, transformer

SENTENCES = 97


@dataclass(frozen=True)
class Reader:
    """What the engine needs of a translator."""

    model: Any
    source: Vocabulary
    target: Vocabulary
    search: Callable[..., Decoded]


def reader(search: Callable[..., Decoded], model: Any = None) -> Reader:
    source, target = (Vocabulary(f"{n}" for n in range(size - 4)) for size in (SOURCES, TARGETS))
    model = (model or transformer()).float().eval()
    with torch.no_grad():
        model.output.bias[[0, BOS]] = -100  # as training makes them: the engine shares out what they have
    return Reader(model, source, target, search)


def sentences() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(2)
    lengths = torch.randint(1, 8, (SENTENCES,), generator=draw)
    source = torch.randint(4, SOURCES, (SENTENCES, 7), generator=draw)
    return source.masked_fill(torch.arange(7) >= lengths[:, None], 0), lengths


@pytest.mark.parametrize(
    ("search", "count", "same"),
    [
        (greedy, 1, 1.0),
        (partial(greedy, length_factor=0.0, length_offset=5), 1, 1.0),
        (partial(beam, size=4, length_penalty=0.0), 1, 0.95),  # they prune in other ways
        (partial(beam, size=5, length_penalty=0.8), 3, 0.94),
        (partial(beam, size=5, length_penalty=1.5), 1, 0.9),  # .88 where it stops sooner
        (partial(beam, size=2, length_penalty=0.6, with_greedy=True), 1, 0.95),
    ],
)
def test_finds_what_our_search_finds(
    tmp_path: Path, search: Callable[..., Decoded], count: int, same: float
) -> None:
    ours = reader(search)
    theirs = on_ctranslate2(ours, tmp_path / "files")
    wanted, found = (one.search(ours.model, *sentences(), BOS, EOS, count=count) for one in (ours, theirs))
    equal = [one == other for one, other in zip(wanted.tokens, found.tokens, strict=True)]
    assert sum(equal) >= same * SENTENCES
    for ranked, others in zip(wanted.candidates, found.candidates, strict=True):
        assert len(others) == len(ranked)
        known = {tuple(one.tokens): one for one in ranked}
        for other in others:
            if one := known.get(tuple(other.tokens)):
                assert (other.log_probability, other.score) == pytest.approx(
                    (one.log_probability, one.score), abs=1e-3
                )
    plain = greedy(ours.model, *sentences(), BOS, EOS)
    if search is not greedy and "with_greedy" in search.keywords:  # type: ignore[attr-defined]
        alpha = search.keywords["length_penalty"]  # type: ignore[attr-defined]
        for best, (one,) in zip(found.candidates, plain.candidates, strict=True):
            lp = ((5 + len(one.tokens)) / 6) ** alpha  # or of one more, where it has ended
            assert best[0].score >= one.log_probability / lp - 1e-3


def test_the_files_are_made_again_for_other_weights(tmp_path: Path) -> None:
    first = reader(greedy)
    on_ctranslate2(first, tmp_path / "files")
    made = (tmp_path / "files/model.bin").stat().st_mtime_ns
    on_ctranslate2(first, tmp_path / "files")
    assert (tmp_path / "files/model.bin").stat().st_mtime_ns == made
    with torch.no_grad():
        first.model.output.bias[7] += 100
    other = on_ctranslate2(first, tmp_path / "files").search(first.model, *sentences(), BOS, EOS)
    assert {token for tokens in other.tokens for token in tokens} == {7}


def test_what_it_has_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="greedily or by beam"):
        on_ctranslate2(reader(sample), tmp_path / "files")
    model: RnnSeq2Seq = rnn()
    with pytest.raises(UserError, match="model=transformer"):
        on_ctranslate2(reader(greedy, model), tmp_path / "files")
    assert not list(tmp_path.iterdir())
    made = on_ctranslate2(reader(greedy), tmp_path / "files")
    with pytest.raises(UserError, match="no attention weights"):
        made.search(made.model, *sentences(), BOS, EOS, need_weights=True)
    with pytest.raises(UserError, match="greedy search finds one output"):
        made.search(made.model, *sentences(), BOS, EOS, count=2)
    wider = on_ctranslate2(reader(partial(beam, size=2)), tmp_path / "files")
    with pytest.raises(UserError, match=r"set search\.size=3 or more"):
        wider.search(wider.model, *sentences(), BOS, EOS, count=3)
