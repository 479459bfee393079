"""The formats that a trained model can be written in, each to a directory of its own."""

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnrun.errors import UserError, suggest

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Format:
    """The libraries that write it, and the line of Python that opens it."""

    libraries: tuple[str, ...]
    opened_by: str


FORMATS = {
    "safetensors": Format(("safetensors",), "from safetensors.torch import load_file; load_file({file!r})"),
    "ctranslate2": Format(("ctranslate2",), "import ctranslate2; ctranslate2.Translator({directory!r})"),
    "onnx": Format(("onnx", "onnxscript"), "import onnxruntime; onnxruntime.InferenceSession({file!r})"),
}


def require(form: str) -> Format:
    """Return the format of that name; raise UserError where there is none, or a library of it is missing."""
    if form not in FORMATS:
        raise UserError(f"no format {form!r}{suggest(form, FORMATS)}")
    for name in FORMATS[form].libraries:
        if importlib.util.find_spec(name) is None:
            raise UserError(f"{form} needs the package {name}; install it: pip install 'attnrun[export]'")
    return FORMATS[form]


def write(trained: Any, form: str, directory: Path) -> None:
    """Write what a run trained to `directory`, whole or not at all.

    Args:
        trained: what the experiment's `load` returned, with the network as `model`, and, for an engine that
            decodes, the tokenisers as `source` and `target`.
        directory: must not be there yet.

    Raises:
        UserError: there is no such format, its libraries are missing, or it cannot hold this model.
    """
    from torch import nn

    require(form)
    model = getattr(trained, "model", None)
    if not isinstance(model, nn.Module):
        raise UserError("this run trained no network that could be exported")
    part = directory.with_name(f"{directory.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        _write(trained, model, form, part)
        part.rename(directory)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(trained: Any, model: "nn.Module", form: str, directory: Path) -> None:
    if form == "safetensors":
        from safetensors.torch import save_model

        directory.mkdir(parents=True)
        save_model(model, str(directory / "model.safetensors"))  # knows weights that are shared
        return
    if not (hasattr(trained, "source") and hasattr(trained, "target")):
        raise UserError(f"{form} takes models that turn sequences into sequences; choose safetensors")
    if form == "onnx":
        from attnrun.export import onnx

        onnx.save(model, directory)
    else:
        from attnrun.export import ctranslate

        ctranslate.save(model, tokens(trained.source), tokens(trained.target), directory)


def tokens(side: Any) -> list[str]:
    """Return the tokens of a tokeniser or a vocabulary by number, the specials by their names."""
    vocabulary = getattr(side, "vocabulary", side)
    return [vocabulary.token(number) for number in range(len(vocabulary))]
