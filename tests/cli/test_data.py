"""`attnrun data` as a user calls it, with a small corpus of one's own that a real server serves."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import Result

from attnrun.cli.data import where

Cli = Callable[..., Result]
HEAVY = ("torch", "hydra", "omegaconf", "tensorboard", "matplotlib", "numpy", "sacrebleu", "requests")
TEXT = "".join(f"a {i} b\tc {i} {'d' * (i % 3)}e\n" for i in range(60)).encode()
HASH = hashlib.sha256(TEXT).hexdigest()
MODULE = """
from attnrun.data.corpus import Corpus
from attnrun.data.download import Package, Remote, fetch
from attnrun.data.text import tsv
def package(*, url: str, digest: str) -> Package:
    file = Remote('pairs.tsv', url + '/pairs.tsv', digest, 5000)
    return Package('served', 'of [red]one\\x1b[31m', 'Me 2024', 'http://x', (file,))
def load(*, url: str, digest: str, limit: int | None = None) -> Corpus:
    return tsv(path=str(fetch(package(url=url, digest=digest)) / 'pairs.tsv'), limit=limit, valid=5, test=5)
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *words: object) -> None:
        pass


def serve(directory: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that has `pairs.tsv`."""
    directory = tmp_path_factory.mktemp("served")
    (directory / "pairs.tsv").write_bytes(TEXT)
    yield from serve(directory)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ATTNRUN_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def own(cli: Cli, cache: Path, tmp_path: Path, url: str) -> Cli:
    """Call `attnrun data WORD` with the corpus `served` in a config directory that is trusted."""
    (tmp_path / "served_corpus.py").write_text(MODULE)
    (tmp_path / "mine/corpus").mkdir(parents=True)
    (tmp_path / "mine/corpus/served.yaml").write_text(
        "# what: a [red]corpus\n# source: me\n"
        f"_target_: served_corpus.load\nurl: {url}\ndigest: {HASH}\nlimit: null\n"
    )
    return lambda *words: cli("data", *words, "--config-dir", "mine", "--trust", "served_corpus")


@pytest.mark.parametrize("words", [["--help"], ["list"], ["list", "--json"], ["where"], ["where", "tatoeba"]])
def test_quick_commands_import_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv[1:] = sys.argv[2:]\n"
        "from attnrun.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, "-", "data", *words]
    environment = os.environ | {"ATTNRUN_DATA": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stdout.strip().splitlines()[-1] == "HEAVY []", done.stdout + done.stderr


def test_list_says_of_every_corpus_where_it_comes_from(own: Cli) -> None:
    found = {row["name"]: row for row in json.loads(own("list", "--json").stdout)}
    assert {"phrases", "tsv", "served"} <= found.keys()
    assert found["phrases"]["download"] is None and found["phrases"]["languages"] == ["en", "fr"]
    assert found["tsv"]["own_file"] and not found["phrases"]["own_file"]
    download = found["served"]["download"]
    assert (download["files"], download["missing"], download["missing_bytes"]) == (1, 1, 5000)
    shown = own("list").stdout
    assert "no: 5.0 kB" in shown and "built in" in shown and "your file" in shown
    assert "[red]corpus" in shown and "of [red]one\\x1b[31m" in shown and "\x1b" not in shown


def test_list_knows_what_is_in_the_cache(own: Cli) -> None:
    own("get", "served")
    assert "in the cache" in own("list").stdout


def test_get_downloads_and_prints_the_path_alone(own: Cli, cache: Path) -> None:
    result = own("get", "served")
    assert (result.exit_code, result.stdout) == (0, f"{cache}/served/pairs.tsv\n"), result.stderr
    assert (cache / "served/pairs.tsv").read_bytes() == TEXT
    again = own("get", "served")
    for stderr in (result.stderr, again.stderr):  # shown each time, and once
        assert stderr.count("of [red]one\\x1b[31m") == 1 and stderr.count("Me 2024") == 1
    assert "downloading" not in again.stderr


def test_get_as_json_is_one_document(own: Cli, cache: Path) -> None:
    document = json.loads(own("get", "served", "--json").stdout)
    assert document["files"] == [str(cache / "served/pairs.tsv")]
    assert (document["licence"], document["citation"]) == ("of [red]one\x1b[31m", "Me 2024")


def test_get_of_a_built_in_corpus_says_so(cli: Cli) -> None:
    result = cli("data", "get", "phrases")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "needs no download" in result.stderr
    assert json.loads(cli("data", "get", "phrases", "--json").stdout)["files"] == []


def test_get_takes_keys_as_text_where_they_are_no_numbers(own: Cli, url: str) -> None:
    assert own("get", "served", f"url={url}/", f"corpus.digest={HASH}").exit_code == 0
    refused = own("get", "served", "digest=no")
    assert refused.exit_code == 2
    assert "not no" in refused.stderr  # YAML would have made it false


def test_where_prints_one_path_and_says_that_it_is_not_there_yet(own: Cli, cache: Path) -> None:
    result = own("where")
    assert (result.exit_code, result.stdout) == (0, f"{cache}\n")
    assert "not there yet" in result.stderr
    own("get", "served")
    result = own("where", "served")
    assert (result.stdout, result.stderr) == (f"{cache}/served\n", "")
    assert json.loads(own("where", "--json").stdout) == {"directory": str(cache), "exists": True}
    assert own("where", "nile").stdout == f"{cache}/statsmodels\n"  # a series, which is no corpus


def test_verify_finds_a_changed_byte_and_get_mends_it(own: Cli, cache: Path) -> None:
    file = cache / "served/pairs.tsv"
    assert json.loads(own("verify", "served", "--json").stdout)[0]["state"] == "missing"
    own("get", "served")
    assert own("verify").exit_code == 0
    file.write_bytes(TEXT.replace(b"0", b"1", 1))
    result = own("verify", "served")
    assert result.exit_code == 1
    assert "damaged" in result.stdout
    assert f"{file}; delete" in result.stderr and "attnrun data get served" in result.stderr
    states = {row["corpus"]: row["state"] for row in json.loads(own("verify", "--json").stdout)}
    assert states["served"] == "damaged" and states["tatoeba"] == "missing"
    file.unlink()
    assert own("get", "served").exit_code == 0
    assert own("verify", "served").exit_code == 0


def test_verify_reads_files_of_other_keys_too(own: Cli, cache: Path) -> None:
    own("get", "served")
    (cache / "served/other.txt").write_text("x")
    rows = json.loads(own("verify", "served", "--json").stdout)
    assert [Path(row["path"]).name for row in rows] == ["pairs.tsv", "other.txt"]


def test_verify_shows_what_it_has_no_hash_for(own: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnrun.data.download.verify", lambda package: {"pairs.tsv": "unknown"})
    result = own("verify", "served")
    assert result.exit_code == 0
    assert "unknown: no hash" in result.stdout
    assert json.loads(own("verify", "served", "--json").stdout)[0]["state"] == "unknown"


@pytest.mark.parametrize(("terminal", "shown"), [(True, "/a\\n\\x1b[31mb\n"), (False, "/a\n\x1b[31mb\n")])
def test_a_path_is_escaped_for_a_terminal_and_exact_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool, shown: str
) -> None:
    monkeypatch.setenv("ATTNRUN_DATA", "/a\n\x1b[31mb")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    where()
    assert capsys.readouterr().out == shown


def test_stats_are_those_of_the_corpus(own: Cli) -> None:
    result = own("stats", "served", "limit=40", "tokeniser.minimum_frequency=1", "--plot", "x.png", "--json")
    found = json.loads(result.stdout)
    assert [found["splits"][name]["pairs"] for name in ("train", "valid", "test")] == [30, 5, 5]
    assert found["splits"]["train"]["source"]["longest"] == 3
    assert found["splits"]["test"]["target"]["unknown_types"] > 0
    assert Path(found["figure"]).read_bytes().startswith(b"\x89PNG")


def test_stats_print_tables_and_the_figure(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "m[b]y \x1b file.tsv").write_bytes(TEXT)
    result = cli(
        "data", "stats", "m[b]y \x1b file.tsv", "source=2", "target=1", "tokeniser.minimum_frequency=1"
    )
    assert result.exit_code == 0, result.stderr
    (picture,) = (tmp_path / "outputs/figures").iterdir()
    assert re.fullmatch(r"corpus-m-b-y-file-[0-9a-f]{6}\.png", picture.name)
    assert result.stdout.strip().splitlines()[-1] == f"figure: outputs/figures/{picture.name}"
    assert "out of vocabulary" in result.stdout and "…" not in result.stdout and "\x1b" not in result.stdout


def test_stats_go_to_the_figure_that_is_asked_for(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(TEXT)
    assert cli("data", "stats", "a.tsv", "--plot", "deep/er.svg").exit_code == 0
    assert (tmp_path / "deep/er.svg").exists() and not (tmp_path / "outputs").exists()


@pytest.mark.parametrize("name", ["a.jsonl", "a.JSON", "a.jsonl.gz"])
def test_json_lines_are_known_by_their_name(cli: Cli, tmp_path: Path, name: str) -> None:
    from gzip import compress

    lines = b"".join(b'{"x": "a %d", "y": "b %d"}\n' % (i, i) for i in range(60))
    (tmp_path / name).write_bytes(compress(lines) if name.endswith(".gz") else lines)
    assert "corpus.source=…" in cli("data", "stats", name).stderr
    found = json.loads(cli("data", "stats", name, "source=x", "target=y", "--json").stdout)
    assert (found["source_language"], found["splits"]["train"]["source"]["mean"]) == ("x", 2)


def test_stats_count_what_the_filter_leaves(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(
        TEXT + b"".join(b"a b c d e f %d\tx %d\n" % (i, i) for i in range(60, 70))
    )
    result = cli("data", "stats", "a.tsv", "valid=5", "test=5", "filter.maximum_words=4", "--json")
    found = json.loads(result.stdout)
    dropped = found["filter"]["train"]["dropped"]["longer than 4 words"]
    assert found["splits"]["train"]["pairs"] == 60 - dropped < 60
    assert f"{dropped} longer than 4 words" in result.stderr


def test_stats_use_the_tokeniser_that_is_named(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(TEXT)
    found = json.loads(cli("data", "stats", "a.tsv", "tokeniser=bpe", "tokeniser.size=30", "--json").stdout)
    assert found["source_vocabulary"] == found["target_vocabulary"] <= 30


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["get", "multi30"], "no corpus named 'multi30'; did you mean 'multi30k'?"),
        (["get", "tatoeba", "ulr=x"], "no config key 'corpus.ulr'; did you mean 'corpus.url'?"),
        (["get", "phrases", "limit=x"], "corpus.limit=x: the value must be a valid integer"),
        (["get", "phrases", "fr"], "cannot read 'fr'; expected KEY=VALUE"),
        (["where", "phrases"], "the corpus phrases downloads nothing"),
        (["verify", "tatoba"], "did you mean 'tatoeba'?"),
        (["stats", "phrass"], "'phrass' names no corpus and no file; did you mean 'phrases'?"),
        (["stats", "."], "'.' is a directory, not a file"),
        (["stats", "phrases", "limt=3"], "no config key 'limt' here; did you mean 'corpus.limit'?"),
        (["stats", "phrases", "corpus.limt=3"], "did you mean 'corpus.limit'?"),
        (["stats", "phrases", "tokenizer=bpe"], "did you mean 'tokeniser'?"),
        (["stats", "phrases", "trainer.epochs=3"], "no config key 'trainer.epochs' here"),
        (["stats", "phrases", "corpus=tsv"], "leave out corpus=tsv"),
        (["stats", "phrases", "tokeniser=bp"], "did you mean 'bpe'?"),
        (["list", "--trust", "no_such_module"], "there is no such module"),
    ],
)
def test_a_mistake_is_one_line(cli: Cli, cache: Path, words: list[str], message: str) -> None:
    result = cli("data", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert message in line
    assert not cache.exists()


def test_code_of_a_config_directory_must_be_trusted(own: Cli, cli: Cli) -> None:
    result = cli("data", "get", "served", "--config-dir", "mine")
    assert result.exit_code == 2
    assert "add --trust served_corpus" in result.stderr


def test_a_broken_yaml_file_is_one_line(own: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine/corpus/broken.yaml").write_text("a: [")
    result = own("list")
    assert result.exit_code == 2
    assert "broken.yaml" in result.stderr and len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "offered"),
    [("get mul", {"multi30k"}), ("get phr", set()), ("stats phr", {"phrases"}), ("ver", {"verify"})],
)
def test_names_are_completed(line: str, offered: set[str]) -> None:
    words = f"attnrun data {line}".split()
    completing = {
        "_ATTNRUN_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    command = [sys.executable, "-m", "attnrun"]
    done = subprocess.run(command, env=os.environ | completing, capture_output=True, text=True)
    assert set(done.stdout.split()) == offered, done.stderr


@pytest.fixture(scope="module")
def multi30k(real_data: Path) -> Iterator[str]:
    yield from serve(real_data / "multi30k")


def test_the_real_captions_are_fetched_and_counted(cli: Cli, cache: Path, multi30k: str) -> None:
    keys = ["text=raw", "source=de", "target=en", f"url={multi30k}"]
    got = cli("data", "get", "multi30k", *keys)
    assert (got.exit_code, len(got.stdout.split())) == (0, 6), got.stderr
    assert cli("data", "verify", "multi30k").exit_code == 0
    found = json.loads(cli("data", "stats", "multi30k", *keys, "limit=3000", "--json").stdout)
    assert [split["pairs"] for split in found["splits"].values()] == [3000, 1014, 1000]
    test = found["splits"]["test"]
    assert (test["source"]["tokens"], test["target"]["longest"]) == (12247, 33)
