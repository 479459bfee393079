"""The formats that a trained model can be written in, each to a directory of its own."""

import importlib.util
import shutil
from pathlib import Path
from typing import Any, Literal, get_args

from torch import nn

from attnrun.errors import UserError

Format = Literal["safetensors", "ctranslate2", "onnx"]
LIBRARIES: dict[str, tuple[str, ...]] = {
    "safetensors": ("safetensors",),
    "ctranslate2": ("ctranslate2",),
    "onnx": ("onnx", "onnxscript"),
}
assert set(LIBRARIES) == set(get_args(Format))


def require(form: Format) -> None:
    """Raise UserError where the libraries for `form` are not installed."""
    for name in LIBRARIES[form]:
        if importlib.util.find_spec(name) is None:
            raise UserError(f"{form} needs the package {name}; install it: pip install 'attnrun[export]'")


def write(trained: Any, form: Format, directory: Path) -> None:
    """Write what a run trained to `directory`, whole or not at all.

    Args:
        trained: what the experiment's `load` returned, with the network as `model`, and, for an engine that
            decodes, the tokenisers as `source` and `target`.
        directory: must not be there yet.

    Raises:
        UserError: the libraries are missing, or the format cannot hold this model.
    """
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


def _write(trained: Any, model: nn.Module, form: Format, directory: Path) -> None:
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
