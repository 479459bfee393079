"""`attnrun data stats`: which words it takes, and what becomes of its picture."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Cli = Callable[..., Result]
ROWS = "".join(f"a {i} b.\tc {i} e\n" for i in range(60))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return a directory of one's own files, below the working directory."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "p.tsv").write_text(ROWS)
    (own / "named.tsv").write_text("English text\tfr (manual)\n" + ROWS)
    lines = ({"id": i, "translation": {"en": f"a {i}", "fr": f"b {i}"}} for i in range(60))
    (own / "j.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with zipfile.ZipFile(own / "c d.zip", "w") as archive:
        archive.writestr("c.en", "".join(f"a {i}\n" for i in range(60)))
        archive.writestr("c.fr", "".join(f"b {i}\n" for i in range(60)))
    with zipfile.ZipFile(own / "j.zip", "w") as archive:
        archive.write(own / "j.jsonl", "j.jsonl")
    return own


def _found(cli: Cli, *words: str) -> dict:
    result = cli("data", "stats", *words, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_key_of_the_corpus_is_no_misspelt_group(cli: Cli, own: Path) -> None:
    lengths = [
        _found(cli, "own/p.tsv", f"tokenised={value}")["splits"]["train"]["source"]["longest"]
        for value in ("true", "false")
    ]
    assert lengths == [3, 4]  # `b.` is one token, or two


@pytest.mark.parametrize(
    "words",
    [
        ["source=English text", "target=fr (manual)"],
        ["source='English text'", 'corpus.target="fr (manual)"'],
    ],
)
def test_a_text_arrives_as_it_is(cli: Cli, own: Path, words: list[str]) -> None:
    found = _found(cli, "own/named.tsv", *words)
    assert (found["source_language"], found["target_language"]) == ("English text", "fr (manual)")


def test_numbers_and_null_are_none_of_the_texts(cli: Cli, own: Path) -> None:
    found = _found(cli, "own/p.tsv", "source=2", "target=1", "limit=40", "test=5", "valid=null")
    assert [split["pairs"] for split in found["splits"].values()][-1] == 5
    assert found["splits"]["train"]["source"]["longest"] == 3


def test_a_path_of_digits_is_a_path(cli: Cli, own: Path) -> None:
    (own.parent / "1.10").write_text(ROWS)
    assert _found(cli, "tsv", "path=1.10")["splits"]["train"]["pairs"] > 0


def test_a_corpus_made_of_another_takes_the_keys_of_both(cli: Cli, own: Path) -> None:
    (own / "corpus").mkdir()
    text = "# what: x\n# source: me\ndefaults:\n  - phrases\n  - _self_\nlimit: 900\n"
    (own / "corpus/few.yaml").write_text(text)
    found = _found(cli, "few", "limit=700", "source=fr", "target=en", "--config-dir", "own")
    assert (found["splits"]["train"]["pairs"], found["source_language"]) == (700, "fr")


def test_json_lines_in_a_zip_are_known_by_their_name(cli: Cli, own: Path) -> None:
    found = _found(cli, "own/j.zip", "source=translation.en", "target=translation.fr")
    assert found["source_language"] == "en"


def test_what_to_write_for_a_zip_of_two_files_is_right(cli: Cli, own: Path) -> None:
    stderr = cli("data", "stats", "own/c d.zip").stderr
    assert "holds c.en, c.fr" in stderr
    assert stderr.strip().endswith("files path='own/c d.zip' source=en target=fr")
    assert _found(cli, "files", "path=own/c d.zip", "source=en", "target=fr")["source_language"] == "en"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["own/p.tsv", "separator=;"], "corpus.separator=;: the value must be 'tab' or '|||'"),
        (["own/p.tsv", "limit=1,2"], "corpus.limit=1,2: the value must be a valid integer"),
        (["tatoeba", "url=ftp://h/deu.zip?x=1,2"], "ftp://h/deu.zip?x=1,2"),
        (["own/p.tsv", "maximum_words=5"], "did you mean 'filter.maximum_words'?"),
        (["own/p.tsv", "deduplicate=true"], "did you mean 'filter.deduplicate'?"),
        (["own/p.tsv", "max_length=5"], "data stats takes corpus, tokeniser and filter keys"),
        (["own/p.tsv", "model=gru"], "data stats takes corpus, tokeniser and filter keys"),
        (["own/p.tsv", "size=9"], "did you mean 'tokeniser.size'?"),
        (["own/j.jsonl"], "first line: id, translation.en, translation.fr"),
        (["own"], "write: files path=own source=… target=…"),
        (["own/p.tvs"], "did you mean 'own/p.tsv'?"),
        (["x" * 300], "file name too long"),
        (["xyzzy"], "corpora: `attnrun data list`"),
        (["own/p.tsv", "--plot", "x.gif"], "ends in .png, .svg or .pdf"),
        (["own/p.tsv", "--plot", "own"], "--plot own is a directory"),
        (["own/p.tsv", "--plot", "own/p.tsv/x.png"], "own/p.tsv is not a directory"),
    ],
)
def test_a_mistake_is_one_line(cli: Cli, own: Path, words: list[str], message: str) -> None:
    result = cli("data", "stats", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert message in line
    assert not (own.parent / "outputs").exists()


def test_the_tables_come_out_where_the_picture_cannot(cli: Cli, own: Path) -> None:
    (own.parent / "outputs").write_text("a file")
    result = cli("data", "stats", "own/p.tsv")
    assert result.exit_code == 0
    assert "out of vocabulary" in result.stdout and "figure" not in result.stdout
    assert "warning: cannot write the figure outputs/figures/corpus-p-" in result.stderr


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_picture_that_was_asked_for_and_fails_ends_badly(cli: Cli, own: Path, as_json: list[str]) -> None:
    result = cli("data", "stats", "own/p.tsv", "--plot", "/proc/self/x.png", *as_json)
    assert result.exit_code == 1
    assert result.stdout.strip()
    assert result.stderr.startswith("attnrun: cannot write the figure /proc/self/x.png: ")
    assert len(result.stderr.splitlines()) == 1


def test_json_draws_only_what_is_asked_for(cli: Cli, own: Path) -> None:
    assert _found(cli, "own/p.tsv")["figure"] is None
    assert not (own.parent / "outputs").exists()
    assert _found(cli, "own/p.tsv", "--plot", "x.pdf")["figure"] == "x.pdf"
    assert (own.parent / "x.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.slow
def test_pictures_of_other_files_and_other_keys_have_other_names(cli: Cli, own: Path) -> None:
    (own / "p.csv").write_text(ROWS)
    for words in (["own/p.tsv"], ["own/p.csv"], ["own/p.tsv", "limit=50"], ["own/p.tsv"]):
        assert cli("data", "stats", *words).exit_code == 0
    assert len(list((own.parent / "outputs/figures").iterdir())) == 3


@pytest.mark.parametrize(("joint", "shown"), [("true", r"vocabulary: 62 joint\n"), ("false", r"source \d")])
def test_a_joint_vocabulary_is_called_so(cli: Cli, own: Path, joint: str, shown: str) -> None:
    words = ["own/p.tsv", f"tokeniser.joint={joint}", "tokenised=true"]
    assert re.search(shown, cli("data", "stats", *words).stdout)
    assert _found(cli, *words)["joint"] is (joint == "true")


@pytest.mark.slow
def test_a_narrow_terminal_breaks_no_number(cli: Cli, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own / "long.tsv").write_text("".join(f"{'a ' * 300}b{i}\tc d{i}\n" for i in range(2500)))
    monkeypatch.setenv("COLUMNS", "40")
    lines = cli("data", "stats", "own/long.tsv").stdout.splitlines()
    (train,) = (line for line in lines if line.count(",") == 4 and "train source" in line)
    assert re.fullmatch(r" train source +\d,\d{3} +\d,\d{3} +\d{3},\d{3} +\d,\d{3} ", train)
    ratios = [line for line in lines if re.match(r" (train|valid|test) +0\.", line)]
    assert len(ratios) == 3
    assert all(re.search(r"0\.01 to 0\.01 +\d[\d,]* +\d[\d,]* +\d", line) for line in ratios)
