"""Decode by CTranslate2 in place of our own loop: the same translations, sooner, and no attention weights."""

import hashlib
import inspect
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from attnrun.errors import UserError
from attnrun.export import ctranslate
from attnrun.export.formats import require, tokens, write
from attnrun.models.beam import beam, length_penalty_of
from attnrun.models.decoding import Decoded, Hypothesis, greedy

_STAMP = "weights.sha256"  # of the weights that the files were made of


def on_ctranslate2(translator: Any, directory: Path) -> Any:
    """Return the translator with CTranslate2 as its search, by files in `directory` that are made if need be.

    Raises:
        UserError: the library is missing, or has not what the model or the search is made of.
    """
    require("ctranslate2")
    settings = _settings(translator.search)
    stamp = _digest(translator.model)
    if not _is_of(directory, stamp):
        shutil.rmtree(directory, ignore_errors=True)
        write(translator, "ctranslate2", directory)
        (directory / _STAMP).write_text(stamp + "\n", encoding="ascii")
    source, target = (ctranslate.distinct(tokens(side)) for side in (translator.source, translator.target))
    return replace(translator, search=partial(_search, _engine(directory), source, target, settings))


def _engine(directory: Path) -> Any:
    import ctranslate2
    import torch

    device = "cuda" if torch.cuda.is_available() and ctranslate2.get_cuda_device_count() else "cpu"
    threads = torch.get_num_threads()
    return ctranslate2.Translator(
        str(directory), device=device, compute_type="float32", intra_threads=threads
    )


def _settings(search: Callable[..., Decoded]) -> dict[str, Any]:
    """The keys of a search that the engine has too; greedy is a beam of one."""
    function = search.func if isinstance(search, partial) else search
    if function not in (greedy, beam):
        raise UserError("engine ctranslate2 searches greedily or by beam; choose --search greedy or beam")
    keys = {
        name: parameter.default
        for name, parameter in inspect.signature(search).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    return {"size": 1, "length_penalty": 0.0, **keys}


def _search(
    engine: Any,
    source_names: list[str],
    target_names: list[str],
    settings: dict[str, Any],
    model: Any,
    source: Tensor,
    source_lengths: Tensor,
    bos: int,
    eos: int,
    need_weights: bool = False,
    count: int = 1,
) -> Decoded:
    """As the searches of `attnrun.models`."""
    if need_weights:
        raise UserError("engine ctranslate2 gives no attention weights; leave out --engine to see them")
    if count > settings["size"]:
        raise UserError(f"{count} outputs a source need a wider beam; set search.size={count} or more")
    numbers = {name: number for number, name in enumerate(target_names)}
    rows: dict[int, list[int]] = {}  # by the limit of their output, which the engine has one of for a call
    for row, length in enumerate(source_lengths.tolist()):
        limit = int(settings["length_factor"] * length + settings["length_offset"])
        rows.setdefault(int(min(limit, model.longest)), []).append(row)
    candidates: list[list[Hypothesis]] = [[] for _ in source_lengths]
    for limit, alike in rows.items():
        texts = [[source_names[n] for n in source[row, : source_lengths[row]].tolist()] for row in alike]
        found = _translate(engine, texts, settings["size"], limit, [target_names[n] for n in (0, bos)])
        for row, results in zip(alike, found, strict=True):
            candidates[row] = _ranked(results, numbers, limit, settings["length_penalty"])[:count]
    return Decoded(candidates, None)


def _translate(
    engine: Any, texts: list[list[str]], size: int, limit: int, never: list[str]
) -> list[tuple[Any, ...]]:
    """What the engine finds for each text; greedily too, so that no beam ends below that."""
    keys = {
        "length_penalty": 0,  # ranked afterwards, as ours are
        "max_decoding_length": limit,
        "min_decoding_length": 0,
        "max_input_length": 0,
        "suppress_sequences": [[name] for name in never],
        "return_scores": True,
    }
    beams = [{"beam_size": 1}, *([{"beam_size": size, "num_hypotheses": size}] if size > 1 else [])]
    return list(zip(*(engine.translate_batch(texts, **keys, **one) for one in beams), strict=True))


def _ranked(results: Iterable[Any], numbers: dict[str, int], limit: int, alpha: float) -> list[Hypothesis]:
    """The hypotheses of one sentence, best first; eos counts as a token, where it was reached."""
    made = {}
    for result in results:
        for spelled, log_probability in zip(result.hypotheses, result.scores, strict=True):
            score = log_probability / length_penalty_of(min(len(spelled) + 1, limit), alpha)
            row = [numbers[name] for name in spelled]
            made[tuple(row)] = Hypothesis(row, log_probability, score)
    return sorted(made.values(), key=lambda one: -one.score)


def _is_of(directory: Path, stamp: str) -> bool:
    try:
        return (directory / _STAMP).read_text(encoding="ascii").strip() == stamp
    except (OSError, ValueError):
        return False


def _digest(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
