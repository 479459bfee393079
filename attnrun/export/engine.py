"""Decode by CTranslate2 in place of our own loop: the same translations, sooner, and no attention weights."""

import hashlib
import inspect
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from attnrun.errors import UserError
from attnrun.export import ctranslate
from attnrun.export.formats import require, tokens, write
from attnrun.models.beam import beam, length_penalty_of, require_width
from attnrun.models.decoding import Decoded, Hypothesis, greedy, require_single
from attnrun.models.seq2seq import PAD

# Beams of ended outputs that the engine waits for: ours goes on until none that is under way could win.
PATIENCE = 2
_STAMP = "weights.sha256"  # of the weights that the files were made of


def on_ctranslate2(translator: Any, directory: Path) -> Any:
    """Return the translator with CTranslate2 as its search, by files in `directory` that are made if need be.

    Raises:
        UserError: the library is missing, or has not what the model or the search is made of.
    """
    require("ctranslate2")
    settings = _Settings.of(translator.search)
    stamp = _digest(translator.model)
    if not _is_of(directory, stamp):
        shutil.rmtree(directory, ignore_errors=True)
        write(translator, "ctranslate2", directory)
        (directory / _STAMP).write_text(stamp + "\n", encoding="ascii")
    source, target = (ctranslate.distinct(tokens(side)) for side in (translator.source, translator.target))
    numbers = {name: number for number, name in enumerate(target)}
    return replace(
        translator, search=_Search(_engine(directory, translator.model), source, numbers, settings)
    )


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """What a search of ours says, as far as the engine has it too."""

    size: int | None = None  # of the beam; None is greedy
    length_penalty: float = 0.0
    with_greedy: bool = False
    length_factor: float
    length_offset: int

    @classmethod
    def of(cls, search: Callable[..., Decoded]) -> "_Settings":
        function = search.func if isinstance(search, partial) else search
        if function not in (greedy, beam):
            raise UserError("engine ctranslate2 searches greedily or by beam; choose --search greedy or beam")
        parameters = inspect.signature(search).parameters.items()
        return cls(**{name: given.default for name, given in parameters if given.kind is given.KEYWORD_ONLY})

    def require(self, count: int) -> None:
        """Raise UserError where the search of ours could not find `count` outputs either."""
        if self.size is None:
            require_single(count)
        else:
            require_width(self.size, count)


@dataclass(frozen=True)
class _Search:
    """CTranslate2 as a search, called as those of `attnrun.models`."""

    engine: Any
    source: list[str]  # the name of each number
    target: dict[str, int]  # the number of each name
    settings: _Settings

    def __call__(
        self,
        model: Any,
        source: Tensor,
        source_lengths: Tensor,
        bos: int,
        eos: int,
        need_weights: bool = False,
        count: int = 1,
    ) -> Decoded:
        if need_weights:
            raise UserError("engine ctranslate2 gives no attention weights; leave out --engine to see them")
        self.settings.require(count)
        lengths = source_lengths.tolist()
        never = [[name] for name, number in self.target.items() if number in (PAD, bos)]
        rows: dict[int, list[int]] = {}  # by the limit of their output: the engine has one for a call
        for row, length in enumerate(lengths):
            limit = int(self.settings.length_factor * length + self.settings.length_offset)
            rows.setdefault(int(min(limit, model.longest)), []).append(row)
        candidates: list[list[Hypothesis]] = [[] for _ in lengths]
        for limit, alike in rows.items():
            texts = [[self.source[n] for n in source[row, : lengths[row]].tolist()] for row in alike]
            for row, results in zip(alike, self._translate(texts, limit, never), strict=True):
                candidates[row] = self._ranked(results, limit)[:count]
        return Decoded(candidates, None)

    def _translate(
        self, texts: list[list[str]], limit: int, never: list[list[str]]
    ) -> Iterable[tuple[Any, ...]]:
        """What the engine finds for each text, by each search that is asked for."""
        size = self.settings.size or 1
        keys = {
            "length_penalty": 0,  # ranked afterwards, as ours are
            "max_decoding_length": limit,
            "min_decoding_length": 0,
            "max_input_length": 0,
            "suppress_sequences": never,
            "return_scores": True,
        }
        patience = PATIENCE if size > 1 else 1
        beams = [{"beam_size": size, "num_hypotheses": size * patience, "patience": patience}]
        if self.settings.with_greedy and size > 1:
            beams.append({"beam_size": 1, "num_hypotheses": 1})
        return zip(*(self.engine.translate_batch(texts, **keys, **one) for one in beams), strict=True)

    def _ranked(self, results: Iterable[Any], limit: int) -> list[Hypothesis]:
        """The hypotheses of one sentence, best first; eos counts as a token, where it was reached."""
        made = {}
        for result in results:
            for spelled, total in zip(result.hypotheses, result.scores, strict=True):
                penalty = length_penalty_of(min(len(spelled) + 1, limit), self.settings.length_penalty)
                made[tuple(spelled)] = Hypothesis(
                    [self.target[name] for name in spelled], total, total / penalty
                )
        return sorted(made.values(), key=lambda one: -one.score)


def _engine(directory: Path, model: nn.Module) -> Any:
    import ctranslate2

    cuda = next(model.parameters()).device.type == "cuda" and ctranslate2.get_cuda_device_count() > 0
    threads = {} if cuda else {"intra_threads": torch.get_num_threads()}
    device = "cuda" if cuda else "cpu"
    return ctranslate2.Translator(str(directory), device=device, compute_type="float32", **threads)


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
