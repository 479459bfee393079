"""Passages of a grammar of our own: one event of each is the headline, and its names are new."""

import re

import pytest

from attnrun.data.headlines import headlines
from attnrun.data.summaries import Summaries, encode, first_sentence, to_fit
from attnrun.data.tokenisers import Word

# By which verb of a headline its event is told, the weightiest first, and how a passage tells of it.
KINDS = {
    "unroofs": r"storm", "saves": r"pulled", "robbed": r"by force", "elects": r"mayor",
    "beaten": r"the final", "New": r"sold|bought", "please": r"sang|heard", "returns": r"found",
    "host": r"visit(ed)?", "meets": r"greeted",
}  # fmt: skip


@pytest.fixture(scope="module")
def drawn() -> Summaries:
    return headlines(3, events=5, train=700, valid=41, test=53)


def test_passages_depend_on_the_seed_alone_and_none_occurs_twice(drawn: Summaries) -> None:
    assert drawn == headlines(3, events=5, train=700, valid=41, test=53)
    assert drawn != headlines(4, events=5, train=700, valid=41, test=53)
    assert [len(part) for part in (drawn.train, drawn.valid, drawn.test)] == [700, 41, 53]
    texts = [one.text for part in (drawn.train, drawn.valid, drawn.test) for one in part]
    assert len(set(texts)) == len(texts)


def test_the_headline_is_of_the_weightiest_event_that_is_not_denied(drawn: Summaries) -> None:
    first, chosen = 0, set()
    for one in drawn.train:
        sentences = one.text.removesuffix(".").split(". ")
        assert len(sentences) == 5
        told = [s for s in sentences if not re.match("Nobody believes that|It is not true that", s)]
        ranks = {
            rank: s for s in told for rank, how in enumerate(KINDS.values()) if re.search(rf"\b({how})\b", s)
        }
        assert len(ranks) == len(told)
        verb = list(KINDS)[min(ranks)]
        names = set(re.findall(r"\b[A-Z]\w+", one.summary)) - {"Storm", "New", "Songs"}
        assert verb in one.summary.split() and names <= set(re.findall(r"\w+", ranks[min(ranks)]))
        first += ranks[min(ranks)] in first_sentence(one.text)
        chosen.add(verb)
    assert chosen == set(KINDS) and 100 < first < 200


def test_most_names_of_test_headlines_are_in_no_training_text(drawn: Summaries) -> None:
    tokeniser = Word(lowercase=False, joint=True).fit(to_fit(drawn.train))
    pairs = encode(tokeniser, drawn.test, 400, 100)
    known, copied = {name for one in drawn.train for name in new_names(one.text)}, 0
    for index, one in enumerate(drawn.test):
        source, target = set(pairs.source[index].tolist()), pairs.target[index].tolist()
        beyond = [number for number in target if number >= tokeniser.size]
        assert set(beyond) <= source and tokeniser.unk not in target
        copied += bool(beyond)
        assert not known.intersection(new_names(one.text))
    assert copied > 40


def new_names(text: str) -> list[str]:
    """Names that the grammar made up: those that it knows have six letters at most."""
    return re.findall(r"\b[A-Z][a-z]{6,}\b", text)


@pytest.mark.parametrize("events", [1, 10])
def test_the_shortest_and_the_longest_passages(events: int) -> None:
    drawn = headlines(0, events=events, train=31, valid=2, test=2)
    assert all(one.text.count(".") == events for one in drawn.train)
