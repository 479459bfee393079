"""Embeddings as the files that TensorBoard's projector reads: vectors, labels, and which belong together."""

import json
from collections.abc import Iterable, Sequence

from attnrun.escape import for_terminal
from attnrun.runs.layout import EMBEDDINGS

CONFIG = "projector_config.pbtxt"  # a name that the projector looks for, beside the events


def config_text(names: Iterable[str]) -> str:
    """Return the ProjectorConfig, as protobuf text, of embeddings by name; their paths are below the run."""
    return "".join(
        f"embeddings {{\n  tensor_name: {json.dumps(name)}\n"
        f"  tensor_path: {json.dumps(vectors_path(name))}\n"
        f"  metadata_path: {json.dumps(labels_path(name))}\n}}\n"
        for name in names
    )


def vectors_path(name: str) -> str:
    """Return where the vectors of an embedding are, below the run."""
    return f"{EMBEDDINGS}/{name}.tsv"


def labels_path(name: str) -> str:
    """Return where the labels of its vectors are, below the run."""
    return f"{EMBEDDINGS}/{name}_labels.tsv"


def vectors_text(vectors: Iterable[Sequence[float]]) -> str:
    """Return a line for each vector (D,): its numbers to five digits, with tabs between them."""
    return "".join("\t".join(f"{value:.5g}" for value in vector) + "\n" for vector in vectors)


def labels_text(labels: Iterable[str]) -> str:
    """Return a line for each raw label: nothing in it ends a line or a column, and none is blank."""
    return "".join(f"{_label(label)}\n" for label in labels)


def _label(label: str) -> str:
    shown = for_terminal(label)
    return shown if shown.strip() else repr(shown)
