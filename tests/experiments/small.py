"""A small corpus with gold links, a model that says what is planned, and what a run wrote."""

import json
import math
from itertools import product
from pathlib import Path
from typing import Any

import torch
from attnrun.experiments.translation import Translator
from torch import nn

from attnrun.attention import lengths_mask
from attnrun.data.moses import Form
from attnrun.models.seq2seq import DecoderState, Memory

TINY = ["model.hidden=14", "model.embedding=13", "trainer.max_steps=3", "runtime.threads=1"]


def aligned_corpus(directory: Path) -> list[str]:
    """The words that choose a table of 90 pairs; the translation is x after each word, from the last on."""
    rows = []
    for first, second in product("abcdefghi", "klmnopqrst"):
        source = [first, second, "e"][: 3 if first > "d" else 2]
        target = [f"{word}x" for word in reversed(source)]
        links = " ".join(f"{place}-{len(source) - 1 - place}" for place in range(len(source)))
        rows.append(f"{' '.join(source)}\t{' '.join(target)}\t{links}\n")
    path = directory / "pairs.tsv"
    path.write_text("".join(rows))
    keys = {"path": path, "alignment_column": 3, "valid": 7, "test": 23}
    return ["corpus=tsv", *(f"corpus.{key}={value}" for key, value in keys.items())]


class Planned(nn.Module):
    """Says the numbers of its plan, each while it looks at the place beside it; None looks nowhere."""

    longest = math.inf

    def __init__(self, plan: list[tuple[int, int | None]], size: int) -> None:
        super().__init__()
        self.plan, self.size = plan, size

    def encode(self, source: Any, lengths: Any) -> Memory:
        return Memory(source[..., None].double(), lengths_mask(lengths, source.shape[1]), (), ())

    def states(self, memory: Memory, target_in: Any, need_weights: bool = False) -> Any:
        outputs, looks = [], []
        for number, place in self.plan[: target_in.shape[1]]:
            outputs.append(torch.eye(self.size).double()[number].expand(len(target_in), -1))
            looks.append(torch.zeros(memory.states.shape[:2]))
            if place is not None:
                looks[-1][:, min(place, looks[-1].shape[1] - 1)] = 1.0
        states = torch.stack(outputs, 1) * 9
        return states, torch.stack(looks, 1)[:, None, None] if need_weights else None

    def start(self, memory: Memory) -> DecoderState:
        return DecoderState(())

    def step(self, memory: Memory, state: DecoderState, token: Any, need_weights: bool = True) -> Any:
        states, weights = self.states(memory, torch.zeros(len(token), state.place + 1), need_weights=True)
        return DecoderState((), state.place + 1), states[:, -1], weights[..., -1, :]

    def project(self, states: Any) -> Any:
        return states


def planned(source: Any, target: Any, plan: list[tuple[int, int | None]], **keys: Any) -> Translator:
    return Translator(Planned(plan, target.size), source, target, Form(None), torch.device("cpu"), **keys)


def rows_of(run: Path) -> list[dict[str, str]]:
    return lines_of(run / "samples/test.jsonl")


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
