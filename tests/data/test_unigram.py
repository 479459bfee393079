"""Unigram subwords: the likelihood against all segmentations, one by one, and the tokeniser against them."""

import gzip
import json
import math
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice, pairwise, product
from pathlib import Path

import numpy as np
import pytest

from attnrun.data import tokenisers
from attnrun.data.corpus import Corpus, Pair
from attnrun.data.tokenisers import fit_sides
from attnrun.data.unigram import Unigram, UnigramTokeniser
from attnrun.data.unigram_fit import Lattice, learn_pieces
from attnrun.data.vocabulary import BOS, EOS, PAD, SPECIALS, UNK
from attnrun.errors import UserError
from attnrun.launch.config import check, compose

TEXTS = [
    "the lowest newest tower, the widest.",
    "l'homme dort: <unk> <pad>!",
    "newer, lower &apos;s low-lying",
] * 3
LOGS = {"a": -2.0, "b": -2.5, "c": -3.0, "ab": -2.2, "bc": -4.0, "abc": -5.5, "cab": -3.7}


def segmentations(word: str) -> Iterator[tuple[str, ...]]:
    """All ways to cut the word, pieces that are none included."""
    for cuts in product([False, True], repeat=len(word) - 1):
        places = [0, *(place for place, cut in enumerate(cuts, 1) if cut), len(word)]
        yield tuple(word[start:end] for start, end in pairwise(places))


def probabilities(word: str, logs: dict[str, float]) -> dict[tuple[str, ...], float]:
    """Those of all segmentations into pieces."""
    return {
        cut: math.exp(sum(logs[piece] for piece in cut))
        for cut in segmentations(word)
        if all(piece in logs for piece in cut)
    }


def test_expected_counts_are_those_over_all_segmentations() -> None:
    words = {"abcab": 3, "a": 5, "ccc": 2, "bcabcab": 7}
    expected = dict.fromkeys(LOGS, 0.0)
    for word, count in words.items():
        found = probabilities(word, LOGS)
        for cut, probability in found.items():
            for piece in cut:
                expected[piece] += count * probability / sum(found.values())
    lattice = Lattice(list(words), list(LOGS))
    logs, weights = np.array(list(LOGS.values())), np.array(list(words.values()), dtype=np.float64)
    np.testing.assert_allclose(lattice.expected(logs, weights), list(expected.values()), rtol=1e-12)
    totals = [math.log(sum(probabilities(word, LOGS).values())) for word in words]
    np.testing.assert_allclose(lattice.totals(logs), totals, rtol=1e-12)
    kept = [0, 1, 2, 3, 6]
    fewer = Lattice(list(words), [list(LOGS)[place] for place in kept])
    np.testing.assert_array_equal(
        lattice.only(kept).expected(logs[kept], weights), fewer.expected(logs[kept], weights)
    )


def test_without_itself_a_word_is_its_other_segmentations() -> None:
    words = ["ab", "abc", "cab", "ba"]
    found = Lattice(words, list(LOGS), whole=False).totals(np.array(list(LOGS.values())))
    others = [sum(p for cut, p in probabilities(word, LOGS).items() if len(cut) > 1) for word in words]
    np.testing.assert_allclose(found, np.log(others), rtol=1e-12)


def test_long_words_neither_underflow_nor_overflow() -> None:
    found = Lattice(["ab" * 5000], list(LOGS)).totals(np.array(list(LOGS.values())) * 3)
    assert np.isfinite(found).all() and found[0] < -1000


def test_what_is_learned_makes_the_words_likelier_than_characters_do() -> None:
    words = {"▁" + "ab" * n + tail: 5 + n for n in range(1, 5) for tail in ("", "c", "ing")}
    sizes = (8, 11, 17)
    totals = []
    for size in sizes:
        pieces = learn_pieces(words, size)
        assert len(pieces) == size and set("▁abcing") <= pieces.keys()
        assert sum(map(math.exp, pieces.values())) == pytest.approx(1, abs=1e-4)
        assert list(pieces.values()) == sorted(pieces.values(), reverse=True)
        logs = Lattice(list(words), list(pieces)).totals(np.array(list(pieces.values())))
        totals.append(float(logs @ np.array(list(words.values()))))
    assert totals == sorted(totals)


def test_it_falls_into_the_likeliest_pieces() -> None:
    tokeniser = Unigram(size=61, lowercase=False).fit(TEXTS)
    logs = tokeniser.pieces
    for word in ("lowest", "newest", "west", "homme", "rest", "wt"):
        found = probabilities("▁" + word, logs)
        best = max(found, key=lambda cut: found[cut])
        assert found[tuple(tokeniser.tokens(word))] == pytest.approx(found[best], rel=1e-9)


def test_any_text_of_known_characters_comes_back_exactly() -> None:
    tokeniser = Unigram(size=61, lowercase=False).fit(TEXTS)
    assert tokeniser.size == 61
    letters = sorted(set("".join(TEXTS)))
    draw = random.Random(3)
    for _ in range(300):
        text = " ".join("".join(draw.choices(letters, k=draw.randrange(1, 9))) for _ in range(5))
        ids = tokeniser.encode(text)
        assert tokeniser.decode([BOS, *ids, EOS, PAD]) == " ".join(text.split())
        assert UNK not in ids
        assert len(tokeniser.tokens(text)) == len(ids) == len(tokeniser.labels(ids))


def test_real_text_comes_back_exactly(real_data: Path) -> None:
    with gzip.open(real_data / "multi30k/tok/val.lc.norm.tok.de.gz", "rt", encoding="utf-8") as stream:
        lines = [line.strip() for line in islice(stream, 400)]
    tokeniser = Unigram(size=500).fit(lines, tokenised=True)
    for line in lines:
        assert tokeniser.decode(tokeniser.encode(line)) == " ".join(line.split())


def test_unseen_characters_in_a_row_are_one_unknown() -> None:
    tokeniser = Unigram(size=97).fit(TEXTS)
    ids, labels = tokeniser.encode("the ☃☀ tower"), tokeniser.tokens("the ☃☀ tower")
    assert [label for number, label in zip(ids, labels, strict=True) if number == UNK] == ["☃☀"]
    assert tokeniser.decode(ids) == "the <unk> tower"
    assert tokeniser.encode("\ud800") == tokeniser.encode("?")
    assert tokeniser.encode(" \xa0\u2028\t") == []


def test_text_spelled_like_a_special_is_text() -> None:
    tokeniser = Unigram(size=97).fit(TEXTS)
    for text in ("<unk>", "<pad> <unk>"):
        assert min(tokeniser.encode(text)) >= len(SPECIALS)
        assert tokeniser.decode(tokeniser.encode(text)) == text


def test_the_same_texts_in_any_order_give_the_same_tokeniser_in_another_process() -> None:
    fit = f"print(Unigram(size=73).fit({TEXTS[::-1]!r}).fingerprint())"
    program = f"from attnrun.data.unigram import Unigram; {fit}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == Unigram(size=73).fit(TEXTS).fingerprint(), done.stderr


def test_it_survives_json_and_is_found_by_its_kind() -> None:
    tokeniser = Unigram(size=73, split="spaces", lowercase=False).fit(TEXTS)
    data = json.loads(json.dumps(tokeniser.to_json()))
    back = tokenisers.from_json(data)
    assert isinstance(back, UnigramTokeniser) and back.fingerprint() == tokeniser.fingerprint()
    assert back.encode(TEXTS[0]) == tokeniser.encode(TEXTS[0])
    logs = data["log_probabilities"]
    for wrong in (
        {"log_probabilities": logs[1:]},
        {"log_probabilities": [*logs[1:], "x"]},
        {"log_probabilities": [*logs[1:], 0.5]},
        {"log_probabilities": [*logs[1:], float("nan")]},
        {"log_probabilities": None},
        {"split": "stops"},
        {"tokens": [*data["tokens"][1:], "<unk> "]},
        {"tokens": [*data["tokens"][1:], "\ud800"]},
    ):
        with pytest.raises(ValueError):
            tokenisers.from_json(data | wrong)


def test_too_small_a_size_names_the_least() -> None:
    with pytest.raises(UserError, match=r"tokeniser\.size=11 .* at least (\d+)") as caught:
        Unigram(size=11).fit(TEXTS)
    least = int(str(caught.value).rsplit(" ", 1)[1])
    assert Unigram(size=least).fit(TEXTS).size == least


def test_few_texts_give_fewer_pieces_than_asked_for() -> None:
    tokeniser = Unigram(size=1000).fit(["ab ab", "x"])
    assert tokeniser.decode(tokeniser.encode("ab x ba")) == "ab x ba"
    assert tokeniser.size < 1000
    assert Unigram(size=10).fit([]).encode("a") == [UNK]


def test_joint_or_a_vocabulary_for_each_side() -> None:
    corpus = Corpus("x", "en", "fr", [Pair(text, text.upper()) for text in TEXTS], [], [])
    source, target = fit_sides(Unigram(size=83), corpus)
    assert source is target
    source, target = fit_sides(Unigram(size=83, joint=False, lowercase=False), corpus)
    assert source.fingerprint() != target.fingerprint()


def test_the_config_is_the_recipe() -> None:
    plan = check(compose("translation", ["tokeniser=unigram", "tokeniser.size=300"]))
    assert plan.config.tokeniser() == Unigram(size=300)
