"""The files of TensorBoard's projector, read by its own plugin."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.training.tiny import open_run

LABELS = ["plain", "tab\tin it", "line\nend", "\u2028", "", " ", "a\rb", "é", "\x1b[31m", "\ud800", "<b>"]


def rows() -> list[list[float]]:
    return np.random.default_rng(0).normal(size=(11, 5)).round(4).tolist()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_plugin_reads_vectors_and_labels(tmp_path: Path) -> None:
    from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
    from werkzeug.test import EnvironBuilder
    from werkzeug.wrappers import Request, Response

    with open_run(tmp_path / "run") as run:
        run.embeddings({"first": (rows(), LABELS), "second": ([[1.0], [2.0]], ["a", "b"])})
        run.finish({})
    listed = SimpleNamespace(list_runs=lambda *_, **__: [SimpleNamespace(run_name="run")])
    plugin = ProjectorPlugin(SimpleNamespace(logdir=str(tmp_path), data_provider=listed))

    def asked(method: str, **words: str) -> bytes:
        request = EnvironBuilder(query_string={"run": "run", **words}).get_environ()
        return Response.from_app(getattr(plugin, method), Request(request).environ).data

    names = [one["tensorName"] for one in json.loads(asked("_serve_config"))["embeddings"]]
    assert names == ["first", "second"]
    vectors = np.frombuffer(asked("_serve_tensor", name="first", num_rows="1000"), np.float32)
    np.testing.assert_allclose(vectors.reshape(11, 5), rows(), atol=1e-6)
    labels = asked("_serve_metadata", name="first", num_rows="1000").decode().split("\n")
    assert labels[:-1] == [
        "plain", r"tab\tin it", r"line\nend", r"\u2028", "''", "' '", r"a\rb", "é", r"\x1b[31m", r"\ud800",
        "<b>",
    ]  # fmt: skip


def test_labels_are_as_many_as_vectors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 labels for 3 vectors of one"), open_run(tmp_path) as run:
        run.embeddings({"one": ([[1.0]] * 3, ["a", "b"])})


def test_a_discarded_run_leaves_no_embeddings(tmp_path: Path) -> None:
    with open_run(tmp_path / "run") as run:
        run.embeddings({"one": ([[1.0]], ["a"])})
        run.discard()
    assert not (tmp_path / "run").exists()
