"""`attnrun report`: what a page holds, how large it is, and what it never does."""

import base64
import hashlib
import html
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from attnrun.experiments.translation import Translator

from attnrun.analysis.head_figures import head_figures
from attnrun.analysis.maps import AttentionMap, attention_maps
from attnrun.analysis.packing import common, mean_entropy, pack, unpack
from attnrun.analysis.report_page import in_script, page
from attnrun.cli import report_document
from attnrun.cli.report_maps import Looker
from attnrun.errors import UserError
from attnrun.escape import for_terminal
from attnrun.runs.files import PNG
from tests.experiments.small import rows_of
from tests.report.conftest import call, data_of, written


def test_weights_in_the_page_are_those_that_show_writes(runs: Path, pages: dict[str, Path]) -> None:
    data = data_of(pages["transformer"].read_text())
    assert len(data["items"]) == 23 and data["whys"] == [None]
    for item in data["items"][::5]:
        text = item["source"]
        assert call(runs, "show", "outputs/transformer/one", text, "-o", "map.npz").exit_code == 0
        expected = AttentionMap.load(runs / "map.npz")
        found = unpack(item["views"][0]["maps"][0])
        assert (found.queries, found.keys) == (expected.queries, expected.keys)
        assert found.weights.shape == expected.weights.shape == (2, 3, len(found.queries), len(found.keys))
        assert np.abs(found.weights - expected.weights).max() <= 1 / 255
        np.testing.assert_allclose(
            item["views"][0]["maps"][0]["entropy"], expected.entropy().mean(2), atol=1e-4
        )


def test_it_tells_what_the_run_directory_does(runs: Path, pages: dict[str, Path]) -> None:
    directory = runs / "outputs/rnn/one"
    data, result = data_of(pages["rnn"].read_text()), json.loads((directory / "result.json").read_text())
    (run,) = data["runs"]
    assert dict(run["metrics"]) == result["metrics"] and run["seed"] == 0 and run["status"] == "done"
    assert dict(run["config"])["model.hidden"] == "14"
    losses = next(curve["points"] for curve in run["curves"] if curve["name"] == "valid/loss")
    assert losses[-1][1] == pytest.approx(
        json.loads((directory / "metrics.jsonl").read_text().splitlines()[-1])["valid/loss"]
    )
    places = [one["place"] for one in data["samples"]["best"] + data["samples"]["worst"]]
    assert len(places) == len(set(places)) == 16
    rows = rows_of(directory)
    for one in data["samples"]["worst"]:
        assert one["answers"] == [rows[one["place"]]["prediction"]]
    assert sum(row["sentences"] for row in data["lengths"]["rows"]) == len(rows)
    assert (data["lengths"]["rows"][0]["words"]) == "1 to 5"


def test_gold_links_lie_over_the_right_answer(pages: dict[str, Path]) -> None:
    data = data_of(pages["rnn"].read_text())
    for item in data["items"]:
        said, right = item["views"]
        assert said["links"] is None and "gold links" in right["name"]
        (packed,) = right["maps"]
        assert packed["queries"] == item["target"].split() and packed["keys"] == item["source"].split()
        last = len(packed["keys"]) - 1
        assert sorted(right["links"]) == [[place, last - place, 1] for place in range(last + 1)]
    assert np.array(data["error_rates"][0]).shape == (1, 1) and 0 <= data["error_rates"][0][0][0] <= 1


def test_two_runs_have_the_same_samples_and_what_they_share(runs: Path, pages: dict[str, Path]) -> None:
    data = data_of(pages["both"].read_text())
    assert [run["experiment"] for run in data["runs"]] == ["transformer", "translation"]
    for item in data["items"]:
        view = item["views"][0]
        ours, theirs = (unpack(one) for one in view["maps"])
        assert view["columns"] == [[place, place] for place in range(len(ours.keys))]
        assert all(ours.queries[a] == theirs.queries[b] for a, b in view["rows"])
        assert item["answers"] == [
            rows_of(runs / f"outputs/{name}/one")[item["place"]]["prediction"]
            for name in ("transformer", "rnn")
        ]
    assert len(data["lengths"]["rows"][0]["bleu"]) == 2


def test_a_run_without_attention_says_so(pages: dict[str, Path]) -> None:
    data = data_of(pages["blind"].read_text())
    assert data["items"] == [] and [kind["entropy"] for kind in data["kinds"]] == [[None]]
    assert data["whys"] == ["this model has no attention to show"]


def test_points_to_fit_are_rows_of_one_map(pages: dict[str, Path]) -> None:
    data = data_of(pages["points"].read_text())
    (item,) = data["items"]
    found = unpack(item["views"][0]["maps"][0])
    assert found.weights.shape == (1, 1, 50, 50) and found.queries == sorted(found.queries, key=float)
    np.testing.assert_allclose(found.weights.sum(-1), 1, atol=50 / 255)
    assert data["score"] == "minus the error" and data["lengths"] is None


def test_the_number_of_samples_is_what_is_asked_for(runs: Path) -> None:
    every = data_of(written(runs, "outputs/rnn/one"))
    some = data_of(written(runs, "outputs/rnn/one", "--sentences", "6"))
    assert (runs / "outputs/rnn/one/report.html").is_file()
    places = {item["place"] for item in some["items"]}
    assert len(places) == 6 < len(every["items"])
    assert {some["samples"]["best"][0]["place"], some["samples"]["worst"][0]["place"]} < places


class Model:
    """Gives each input a map of 17 by 19 tokens, "huge" one that has no room in any page."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def weights(self, inputs: Sequence[str]) -> list[AttentionMap]:
        self.asked += inputs
        generator = np.random.default_rng(0)
        tokens = [f"token{place}" for place in range(2500)]
        sides = [(2500, 1700) if Path(text).stem == "huge" else (17, 19) for text in inputs]
        return [AttentionMap(tokens[:n], tokens[:m], generator.random((1, 1, n, m))) for n, m in sides]


@pytest.mark.parametrize(
    ("letters", "size", "shown"),
    [(30, 0, range(299, 300)), (12_000, 0, range(60, 299)), (30, 60_000, range(30, 60))],
)
def test_a_page_of_long_texts_and_large_pictures_is_under_5_megabytes(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, letters: int, size: int, shown: range
) -> None:
    """What has no room is left out alone, and nothing is decoded once the room is spent."""
    place, model = tmp_path / "run", Model()
    shutil.copytree(runs / "outputs/points/one", place)
    rows = []
    for number in range(300):
        name = "huge" if number == 7 else f"test-{number}"
        text = f"{number} " + "<é" * (letters // 2)
        (place / "samples" / f"{name}.png").write_bytes(PNG + bytes(size))
        rows.append({"source": text, "target": text, "prediction": f"{number % 2}", "picture": f"{name}.png"})
    (place / "samples/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr(report_document, "_models", lambda *_: [model])
    data = report_document.document([place], 300, ())
    written = page(data, data["title"])
    assert 4_000_000 * (len(shown) > 1) < len(written) < 5_000_000
    left = 300 - len(data["items"])
    assert len(data["items"]) in shown and 7 not in {item["place"] for item in data["items"]}
    assert data["notes"] == [f"{left} samples are left out, for the page would be larger than 5 MB"]
    assert len(model.asked) <= len(data["items"]) + 40 and data["whys"] == [None]


def test_a_page_without_room_says_so(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_document, "_LARGEST", 200)
    result = call(runs, "report", "outputs/rnn/one", "-o", "none.html")
    data = data_of((runs / "none.html").read_text())
    assert "23 samples are left out" in result.stderr
    assert data["items"] == [] and data["whys"] == ["none has room in a page of 5 MB"]


def test_a_model_without_attention_is_asked_once() -> None:
    class Blind:
        def __init__(self) -> None:
            self.asked: list[str] = []

        def weights(self, inputs: Sequence[str]) -> list[AttentionMap]:
            self.asked += inputs
            if "blank" in inputs:
                raise UserError("a text is blank")
            return attention_maps(
                inputs, [["a"]] * len(inputs), [["b"]] * len(inputs), self.found(inputs), None, None
            )

        def found(self, inputs: Sequence[str]) -> list[np.ndarray | None]:
            return [None for _ in inputs]

    class Seeing(Blind):
        def found(self, inputs: Sequence[str]) -> list[np.ndarray | None]:
            return [np.ones((1, 1)) for _ in inputs]

    blind, seeing = Blind(), Seeing()
    looker = Looker(blind)
    assert looker.maps(["x", "y"]) == looker.maps(["z", "z"]) == [None, None]
    assert blind.asked == ["x", "y"] and looker.why == "this model has no attention to show"
    looker = Looker(seeing)
    assert [one is None for one in looker.maps(["x", "blank", "y"])] == [False, True, False]
    assert looker.attends and looker.why == "a text is blank"


def test_gold_links_are_shown_where_either_run_knows_of_them(
    runs: Path, pages: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["outputs/blind/one", "outputs/rnn/one", "-o", "gold.html"]
    data, alone = data_of(written(runs, *words)), data_of(pages["rnn"].read_text())
    assert data["error_rates"] == [None, *alone["error_rates"]]
    (kind,), (expected,) = data["kinds"], alone["kinds"]
    assert kind == expected | {"entropy": [None, *expected["entropy"]]}
    for item, expected in zip(data["items"], alone["items"], strict=True):
        assert [view["links"] for view in item["views"]] == [view["links"] for view in expected["views"]]
        assert item["views"][1]["maps"] == [None, *expected["views"][1]["maps"]]

    def refuse(*_: object) -> None:
        raise ValueError("'ab' is not cut from 'abc'")

    monkeypatch.setattr(Translator, "word_weights", refuse)
    result = call(runs, "report", "outputs/rnn/one", "-o", "gold.html")
    assert result.exit_code == 0 and "gold links are not shown: 'ab' is not cut from" in result.stderr
    assert len(data_of((runs / "gold.html").read_text())["items"]) == 23


def test_weights_are_packed_to_a_byte_and_come_back() -> None:
    weights = np.random.default_rng(2).dirichlet(np.ones(7), size=(2, 3, 5)).astype(np.float32)
    one = AttentionMap(list("abcde"), list("fghijkl"), weights)
    assert np.abs(unpack(pack(one)).weights - weights).max() <= weights.max() / 510 + 1e-6
    empty = AttentionMap([], ["a"], np.zeros((1, 1, 0, 1)))
    assert unpack(pack(empty)).weights.shape == (1, 1, 0, 1) and pack(empty)["entropy"] == [[None]]
    assert common(["a", "b", "c"], ["b", "x", "c"]) == [[1, 0], [2, 2]]


def test_the_entropy_of_a_page_is_that_of_head_figures() -> None:
    """Rows that do not sum to 1, a row of zeros, one of NaN, and a head that has nothing else."""
    generator = np.random.default_rng(5)
    weights = generator.random((2, 3, 5, 7)) ** 3
    weights[0, 1, 2] = 0
    weights[1, 0, 3, 1] = np.nan
    weights[1, 2] = np.nan
    maps = [AttentionMap(list("abcde"), list("fghijkl"), part) for part in (weights, weights[:, :, ::-1] / 3)]
    expected = head_figures(maps)["entropy"]
    found = mean_entropy([one.entropy() for one in maps])
    assert found[1][2] is None and np.isnan(expected[1, 2])
    np.testing.assert_allclose(np.array(found, dtype=float), expected, atol=1e-4)
    packed = json.loads(in_script(pack(maps[0])))
    assert packed["entropy"][1][2] is None and unpack(packed).weights[1, 2].max() == 0


@pytest.mark.parametrize("name", ["transformer", "both", "points"])
def test_a_page_names_no_other_host_and_lets_only_its_own_script_run(
    pages: dict[str, Path], name: str
) -> None:
    text = pages[name].read_text()
    assert not re.search(r"\w+://|url\(|@import|<(link|iframe|object|embed|base)\b", text)
    assert not re.search(r"\s(src|srcset|action|on\w+)\s*=\s*[\"']", text)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    (script,) = re.findall(r'<script type="module">(.*?)</script>', text, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    for kind, held in (("script-src", script), ("style-src", style)):
        assert parts[kind] == f"'sha256-{base64.b64encode(hashlib.sha256(held.encode()).digest()).decode()}'"
    assert parts["default-src"] == parts["base-uri"] == parts["form-action"] == "'none'"
    assert "unsafe" not in policy and "img-src" in parts


HOSTILE = ["</script><script>alert(1)</script>", "<!--<script>", "&lt;b&gt;", "\u2028\u2029", "]]>", "\ud800",
           "https://evil.example/x", "{{scripts}}", "\u202egnp", "a\0b"]  # fmt: skip


def test_data_stay_data() -> None:
    document = {text: [text, {"x": text}] for text in HOSTILE}
    found = in_script(document)
    assert not re.search(r"[<>&\u2028\u2029\ud800-\udfff]|//", found)
    assert json.loads(found) == {
        for_terminal(one): [for_terminal(one), {"x": for_terminal(one)}] for one in HOSTILE
    }
    text = page(document, HOSTILE[0]).decode()
    assert len(re.findall("<script", text)) == 2 and html.escape(HOSTILE[0]) in text
    assert in_script({"loss": float("nan")}) == '{"loss":null}'


def test_mistakes_are_one_line(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "outputs/rnn/one", tmp_path / "unfinished")
    (tmp_path / "unfinished/result.json").unlink()
    other = tmp_path / "other"
    shutil.copytree(runs / "outputs/rnn/one", other)
    rows = rows_of(other)
    lines = [json.dumps({**row, "source": f"{row['source']} z"}) for row in rows]
    (other / "samples/test.jsonl").write_text("\n".join(lines) + "\n")
    for words, message in (
        (["nothing"], "no run 'nothing' in outputs"),
        ([str(tmp_path / "unfinished")], "is interrupted, not finished; continue it: attnrun resume"),
        (["outputs/rnn/one", "outputs/points/one"], "a report compares two runs of one task"),
        (["outputs/rnn/one", str(other)], "have no input in common"),
        (["outputs/rnn/one", "-o", str(tmp_path)], "is a directory; name a file in it: --output"),
    ):
        result = call(runs, "report", *words)
        assert result.exit_code == 2 and message in result.stderr, result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_without_its_corpus_a_run_has_its_maps_all_the_same(runs: Path, tmp_path: Path) -> None:
    place = tmp_path / "moved"
    shutil.copytree(runs / "outputs/rnn/one", place)
    config = (place / "config.yaml").read_text()
    (place / "config.yaml").write_text(config.replace("pairs.tsv", "gone.tsv"))
    result = call(runs, "report", str(place), "-o", str(tmp_path / "page.html"))
    assert result.exit_code == 0 and "gold links are not shown" in result.stderr
    data = data_of((tmp_path / "page.html").read_text())
    assert len(data["items"]) == 23 and data["error_rates"] == [None]
