"""Questions on passages: stories whose answers are exact, and files in SQuAD's form."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from attnrun.data.questions import (
    Question,
    QuestionBatches,
    Questions,
    span_of,
    squad,
    stories,
    tokens_of,
)
from attnrun.data.vocabulary import Vocabulary
from attnrun.errors import UserError


@pytest.fixture(scope="module")
def drawn() -> Questions:
    return stories(3, facts=4, train=300, valid=41, test=53)


def test_stories_depend_on_the_seed_alone_and_none_occurs_twice(drawn: Questions) -> None:
    assert drawn == stories(3, facts=4, train=300, valid=41, test=53)
    assert drawn != stories(4, facts=4, train=300, valid=41, test=53)
    assert [len(part) for part in (drawn.train, drawn.valid, drawn.test)] == [300, 41, 53]
    passages = [one.passage for part in (drawn.train, drawn.valid, drawn.test) for one in part]
    assert len(set(passages)) == len(passages)


def test_one_sentence_of_a_story_answers_and_others_are_like_it(drawn: Questions) -> None:
    distracting = 0
    for one in drawn.train:
        if one.text.startswith("What"):  # whose verb has another form
            continue
        sentences = one.passage.removesuffix(".").split(". ")
        assert len(sentences) == 4 and one.passage[one.start :].startswith(one.answers[0])
        names = [word for word in tokens_of(one.text) if any(word in tokens_of(s) for s in sentences)]
        named = {word for word in names if word not in ("the", "on", "in")}
        full = [s for s in sentences if named <= set(tokens_of(s))]
        assert len(full) == 1 and one.answers[0] in full[0]
        distracting += any(named & set(tokens_of(s)) for s in sentences if s not in full)
    assert distracting > 180


@pytest.mark.parametrize("facts", [2, 50])
def test_the_shortest_and_the_longest_stories(facts: int) -> None:
    drawn = stories(0, facts=facts, train=31, valid=2, test=2)
    assert all(one.passage.count(".") == facts for one in drawn.train)


def test_a_span_is_the_tokens_that_an_answer_touches() -> None:
    passage = "It's in the old kitchen, I think."
    expected_of = {"in the old kitchen": (2, 5), "kitch": (5, 5), "s in": (1, 2), "It": (0, 0)}
    for answer, expected in expected_of.items():
        one = Question(passage, "Where?", (answer,), passage.index(answer))
        assert span_of(one) == expected


def test_batches_hold_what_was_asked() -> None:
    rows = stories(1, facts=3, train=11, valid=2, test=2).train
    vocabulary = Vocabulary.build([tokens_of(one.passage + " " + one.text) for one in rows])
    batches = QuestionBatches(rows, vocabulary, 4, seed=1)
    for order in (batches.order(2), batches.sequential()):
        assert sorted(index for indices in order for index in indices) == list(range(11))
    assert batches.order(2) == batches.order(2) != batches.order(3)
    batch = batches.collate([7, 2])
    for row, index in enumerate((7, 2)):
        tokens = tokens_of(rows[index].passage)
        assert batch.passage_lengths[row] == len(tokens)
        assert batch.passages[row, : len(tokens)].tolist() == vocabulary.encode(tokens)
        assert not batch.passages[row, len(tokens) :].any()
        assert batch.questions[row, : batch.question_lengths[row]].tolist() == vocabulary.encode(
            tokens_of(rows[index].text)
        )
        first, last = batch.spans[row].tolist()
        assert tokens[first : last + 1] == tokens_of(rows[index].answers[0])
    assert torch.equal(batch.to("cpu").spans, batch.spans)


def document(count: int = 60) -> dict[str, Any]:
    paragraphs = [
        {
            "context": f"Number {n} is red. It is old.",
            "qas": [
                {"question": "Which colour?", "answers": [{"text": "red", "answer_start": 11 + len(str(n))}]},
                {"question": "Who?", "answers": [], "is_impossible": True},
            ],
        }
        for n in range(count)
    ]
    return {"version": "1.1", "data": [{"title": "t", "paragraphs": paragraphs}]}


def write(path: Path, content: Any) -> str:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_a_file_in_squads_form(tmp_path: Path) -> None:
    content = document()
    content["data"][0]["paragraphs"][5]["qas"][0]["answers"][0]["answer_start"] = 3  # it is not there
    path = write(tmp_path / "s.json", content)
    found = squad(0, path=path)
    assert found == squad(9, path=path) and found.dropped == 61
    whole = [*found.train, *found.valid, *found.test]
    assert len(whole) == 59 and all(one.passage[one.start :].startswith("red") for one in whole)
    assert squad(0, path=path, limit=7).train == found.train[:7]


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "s.json: not JSON: "),
        ("\udcff", "s.json: not JSON: "),
        ([], "SQuAD's form is an object with a list 'data'"),
        ({"data": [{"paragraphs": 3}]}, r"s.json: data\[0\]: no 'paragraphs' that is a list"),
        ({"data": [{"paragraphs": [{}]}]}, r"data\[0\].paragraphs\[0\]: no 'context' that is a text"),
        (
            {"data": [{"paragraphs": [{"context": "a", "qas": [{"question": "b"}]}]}]},
            r"paragraphs\[0\].qas\[0\]: no 'answers' that is a list",
        ),
        (document(2), r"s.json: too few to part by data.valid=0.1"),
    ],
)
def test_files_of_every_wrong_form(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    if content == "\udcff":
        path.write_bytes(b"\xff\xfe{")
    else:
        write(path, content)
    with pytest.raises(UserError, match=message):
        squad(0, path=str(path))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match=r"no file nowhere\.json"):
        squad(0, path="nowhere.json")
