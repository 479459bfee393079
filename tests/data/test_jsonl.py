"""JSON lines: the fields that are asked for, every fault named by file and line."""

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from attnrun.data import jsonl
from attnrun.data.corpus import Corpus, Pair
from attnrun.errors import UserError


def write(directory: Path, content: str | bytes, name: str = "pairs.jsonl") -> str:
    (directory / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return str(directory / name)


def lines(count: int) -> str:
    return "".join(json.dumps({"en": f"source {n}", "fr": f"cible {n}é"}) + "\n" for n in range(count))


def read(path: str, source: str = "en", target: str = "fr", **keys) -> list[Pair]:
    corpus = jsonl.load(path=path, source=source, target=target, valid=0, test=0, **keys)
    return corpus.train


def fault(content: str | bytes, directory: Path, **keys) -> str:
    with pytest.raises(UserError) as caught:
        read(write(directory, content), **keys)
    message = str(caught.value)
    assert "\n" not in message
    message.encode()  # no half of a surrogate pair
    return message


def test_fields_by_name_by_path_and_with_a_dot_in_the_name(tmp_path):
    rows = [{"translation": {"en": f"a {n}", "fr": f"b {n}"}, "x.en": f"c {n}", "n": n} for n in range(23)]
    path = write(tmp_path, "\ufeff" + "\r\n".join(map(json.dumps, rows)) + "\r\n\n")
    nested = jsonl.load(path=path, source="translation.en", target="translation.fr", valid=3, test=2)
    assert (nested.source_language, nested.target_language) == ("en", "fr")
    assert [len(nested.train), len(nested.valid), len(nested.test)] == [18, 3, 2]
    assert read(path, "translation.fr", "x.en") == [Pair(f"b {n}", f"c {n}") for n in range(23)]


def test_a_name_with_a_dot_stands_before_the_path_it_could_be(tmp_path):
    path = write(tmp_path, json.dumps({"a.b": "whole", "a": {"b": "parts"}, "t": "x"}))
    assert read(path, "a.b", "t") == [Pair("whole", "x")]


def test_text_is_taken_as_it_is_but_for_line_feeds(tmp_path):
    texts = ["\t a \t", "\r", "b\u2028c", "\x85d", '"', "\\n", "\U0001f600", "NaN", "\x1b[31m"]
    rows = [{"en": text + "x", "fr": "y" + text} for text in texts]
    path = write(tmp_path, "\n".join(json.dumps(row, ensure_ascii=n % 2 == 0) for n, row in enumerate(rows)))
    assert read(path) == [Pair(text + "x", "y" + text) for text in texts]
    path = write(tmp_path, r'{"en": "one\ntwo", "fr": "un\r\ndeux\n"}')
    assert read(path) == [Pair("one two", "un\r deux ")]


def test_packed_files_are_read_in_place(tmp_path):
    plain = read(write(tmp_path, lines(19)))
    assert read(write(tmp_path, gzip.compress(lines(19).encode()), "a.jsonl.gz")) == plain
    for name in ("a.jsonl", "d/b.NDJSON", "c.json"):
        with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr(name, lines(19))
            made.writestr("README.txt", "notes")
        assert read(str(tmp_path / "a.zip")) == plain
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as made:
        made.writestr("second.jsonl", lines(19))
    with pytest.raises(UserError, match=r"one \.jsonl or \.ndjson or \.json file; found: c\.json, second"):
        read(str(tmp_path / "a.zip"))


def test_limit_reads_no_further(tmp_path):
    assert len(read(write(tmp_path, lines(7) + "no JSON"), limit=7)) == 7


def test_tokenised_is_handed_on(tmp_path):
    path = write(tmp_path, lines(7))
    corpora: list[Corpus] = [
        jsonl.load(path=path, source="en", target="fr", tokenised=flag) for flag in (False, True)
    ]
    assert [corpus.tokenised for corpus in corpora] == [False, True]


DEEP = "[" * 40_000 + "]" * 40_000


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("no JSON", ":2: not JSON at character 1: Expecting value"),
        ('{"en": "a", "fr": "b"', ":2: not JSON at character 22"),
        ('{"en": "a", "fr": "b"} {}', ":2: not JSON at character 24: Extra data"),
        ("{'en': 'a'}", ":2: not JSON at character 2"),
        ('{"en": "a\tb", "fr": "b"}', ":2: not JSON at character 10: Invalid control character"),
        ("", ":2: not JSON"),
        ("[]", ":2: a list, not an object; JSON lines hold one object a line"),
        ("[", ":2: not JSON at character 2: Expecting value; JSON lines hold one object a line"),
        (
            ' {"en": "a",',
            ":2: not JSON at character 13: Expecting property name enclosed in double quotes; JSON l",
        ),
        ("null", ":2: null, not an object"),
        ("NaN", ":2: a number, not an object"),
        ('"text"', ":2: a text, not an object"),
        ('{"en": "a"}', ":2: no field 'fr' for corpus.target; choose from: en"),
        ('{"en": "a", "FR": "b", "fra": "c"}', ":2: no field 'fr' for corpus.target; did you mean 'fra'?"),
        ('{"en": "a", "\\ud800\\n\\u001b[": "b"}', r"choose from: \ud800\n\x1b[, en"),
        ("{}", ":2: no field 'en' for corpus.source"),
        ('{"en": 3, "fr": "b"}', ":2: field 'en' is a number, not a text"),
        ('{"en": NaN, "fr": "b"}', ":2: field 'en' is a number, not a text"),
        ('{"en": true, "fr": "b"}', ":2: field 'en' is a truth value, not a text"),
        ('{"en": null, "fr": "b"}', ":2: field 'en' is null, not a text"),
        ('{"en": ["a"], "fr": "b"}', ":2: field 'en' is a list, not a text"),
        ('{"en": {"a": "b"}, "fr": "b"}', ":2: field 'en' is an object, not a text"),
        ('{"en": "a", "fr": ""}', ":2: the target is empty"),
        ('{"en": " \\n\\t", "fr": "b"}', ":2: the source is empty"),
        ('{"en": "a\\ud800", "fr": "b"}', ":2: field 'en' holds half a surrogate pair"),
        ('{"en": "\\udfffa", "fr": "b"}', ":2: field 'en' holds half a surrogate pair"),
        ('{"en": "a", "fr": "\\u0000b"}', ":2: field 'fr' holds a NUL character"),
        (b'{"en": "a", "fr": "\xff"}', ":2: not UTF-8 at byte 19"),
        (f'{{"en": "a", "fr": "b", "x": {DEEP}}}', ":2: JSON that is nested too deeply"),
        (f'{{"en": "a", "fr": "b", "x": {"9" * 9000}}}', ":2: JSON with a number of too many digits"),
        (f'{{"en": "{"a" * 100_000}", "fr": "b"}}', ":2: the line has more than 100,000 characters"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_faults_are_named_with_file_and_line(tmp_path, line, expected):
    content = line if isinstance(line, bytes) else line.encode()
    message = fault(lines(1).encode() + content + b"\n" + lines(1).encode(), tmp_path)
    assert expected in message
    assert "pairs.jsonl:2: " in message


def test_a_path_that_leads_nowhere_is_named_with_the_nearest(tmp_path):
    content = json.dumps({"translation": {"en": "a", "french": "b"}, "text": "c"})
    keys = {"source": "translation.en"}
    message = fault(content, tmp_path, target="translation.frensh", **keys)
    assert "no field 'translation.frensh' for corpus.target; did you mean 'translation.french'?" in message
    assert "did you mean 'translation'" in fault(content, tmp_path, target="translatoin.en", **keys)
    assert "'text' is a text" in fault(content, tmp_path, target="text.fr", **keys)


def test_the_same_field_twice_is_refused(tmp_path):
    assert fault(lines(9), tmp_path, target="en") == "corpus.source and corpus.target are both 'en'"


def test_of_a_repeated_field_the_last_counts_as_json_has_it(tmp_path):
    assert read(write(tmp_path, '{"en": "a", "fr": "b", "en": "c"}')) == [Pair("c", "b")]


def test_fields_that_nobody_asks_for_may_hold_anything(tmp_path):
    path = write(tmp_path, '{"en": "a", "x": [NaN, -Infinity, "\\ud800", null, 1e999], "fr": "b"}')
    assert read(path) == [Pair("a", "b")]
