"""Overrides and YAML files of every kind of nonsense: a plan, or one line that says what is wrong."""

import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from attnrun.errors import UserError, suggest
from attnrun.launch import catalog
from attnrun.launch.config import check, compose
from attnrun.launch.explain import closest_key

Configs = dict[str, dict[str, Any]]
EXPERIMENTS = catalog.entries("experiment")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
PIECES = [
    "", " ", "=", "==", ".", "..", "/", "@", ":", ",", "~", "+", "++", "-", "_", "#", "%", "!", "&", "*", "|",
    "'", '"', "\\", "\\'", "\\\\", "(", ")", "[", "]", "{", "}", "[[", "{a:", "<<", "? ", "- ", "!!", "---\n",
    "$", "${", "${}", "${a}", "${seed}", "${oc.env:HOME}", "${now:%Y}", "${hydra:job.num}", "\\${", "???",
    "null", "true", "nan", "inf", "-inf", "1e999", "-1", "0", "1_000", "0x1f", "1:30", "9" * 5000, "1e-400",
    "\0", "\n", "\r", "\t", "\x1b[31m", "\x9b", "\u202e", "\u2028", "\ud800", "\ufeff", "é", "😀", "[red]",
    "_target_", "_target_: attnrun.attention.Dot", "attnrun.cli.app.app", "hydra", "hydra.run", "defaults",
    "range(1,3)", "choice(1,2)", "glob(*)", "shuffle(1,2)", "int(1)", "sort(3,1)", "extend_list(1)", "a,b",
    "x" * 3000, "@package", "# @package _global_\n", "experiment", "module", "&a ", "*a", "2020-01-01",
    "!!set",
]  # fmt: skip


def mutated(text: str, chance: random.Random) -> str:
    """Cut, repeat, or put a piece in, at one to three places."""
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice([0, 0, 1, 2, 8]))
        text = text[:start] + chance.choice([*PIECES, text[start:end] * 2]) + text[end:]
    return text


def leaves(values: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        yield f"{where}{key}", value
        if isinstance(value, dict):
            yield from leaves(value, f"{where}{key}.")


def smoke(experiment: str) -> list[str]:
    return next(entry.smoke.split() for entry in EXPERIMENTS if entry.name == experiment)


@pytest.fixture(scope="module")
def composed() -> Configs:
    """The config of each experiment."""
    return {entry.name: compose(entry.name, smoke(entry.name)) for entry in EXPERIMENTS}


def outcome(experiment: str, words: list[str], config_dir: Path | None = None) -> bool:
    """Whether there is a plan, of which everything that a run writes of it can be written."""
    try:
        plan = check(compose(experiment, words, config_dir), (), words, config_dir)
    except UserError as error:
        assert str(error).strip() and "\n" not in str(error), repr(str(error))
        return False
    assert plan.config_hash
    assert yaml.safe_load(yaml.safe_dump(plan.plain, allow_unicode=True)) == plan.plain
    return True


def fuzzed_words(chance: random.Random, config: Mapping[str, Any]) -> list[str]:
    words = []
    for _ in range(chance.choice([1, 1, 2])):
        key, value = chance.choice(list(leaves(config)))
        word = f"{key}={'x' if isinstance(value, dict) else value}"
        words.append(f"{key}={chance.choice(PIECES)}" if chance.random() < 0.3 else mutated(word, chance))
    return words


def fuzz_overrides(composed: Configs, seed: int, count: int) -> int:
    """Try so many lists of overrides; return how many of them make a plan."""
    chance = random.Random(seed)
    plans = 0
    for number in range(count):
        experiment = chance.choice(list(composed))
        words = [*smoke(experiment), *fuzzed_words(chance, composed[experiment])]
        print(f"seed {seed}, number {number}: {experiment} {words!r}"[:2000])  # noqa: T201
        plans += outcome(experiment, words)
    return plans


def fuzz_files(root: Path, seed: int, count: int) -> int:
    """Try so many choices of a directory of one's own; return how many of them make a plan."""
    chance = random.Random(seed)
    plans = 0
    for number in range(count):
        group = chance.choice(catalog.groups())
        entry = chance.choice(catalog.entries(group))
        experiment = "mine" if group == "experiment" else chance.choice(EXPERIMENTS).name
        place = root / str(number) / group / "mine.yaml"
        place.parent.mkdir(parents=True)
        text = mutated(entry.path.read_text(encoding="utf-8"), chance)
        place.write_bytes(text.encode("utf-8", "surrogatepass"))
        words = [] if group == "experiment" else [f"{chance.choice(['', '+'])}{group}=mine"]
        print(f"seed {seed}, number {number}: {experiment} {words!r} {text!r}"[:5000])  # noqa: T201
        plans += outcome(experiment, words, root / str(number))
    return plans


def test_a_few_fuzzed_overrides(composed: Configs) -> None:
    assert 0 < fuzz_overrides(composed, seed=4, count=40) < 40


@pytest.mark.slow
def test_a_few_fuzzed_files(tmp_path: Path) -> None:
    assert 0 < fuzz_files(tmp_path, seed=0, count=30) < 30


@pytest.mark.faults
@pytest.mark.parametrize("part", range(10))
def test_a_thousand_fuzzed_overrides(composed: Configs, part: int) -> None:
    del part
    assert fuzz_overrides(composed, seed=random.SystemRandom().randrange(2**32), count=100) < 100


@pytest.mark.faults
@pytest.mark.parametrize("part", range(10))
def test_a_thousand_fuzzed_files(tmp_path: Path, part: int) -> None:
    del part
    assert fuzz_files(tmp_path, seed=random.SystemRandom().randrange(2**32), count=100) < 100


def typos(word: str, chance: random.Random) -> set[str]:
    """All that one letter left out, put in, exchanged or swapped with the next makes of it."""
    found = {word + chance.choice(LETTERS)}
    for place in range(len(word)):
        before, letter, after = word[:place], word[place], word[place + 1 :]
        found |= {before + after, before + chance.choice(LETTERS) + letter + after}
        found |= {before + chance.choice(LETTERS) + after, before + after[:1] + letter + after[1:]}
    return found - {word, ""}


def share_of_right_suggestions(
    names: list[str], tail: Callable[[str, list[str]], str], most: int, chance: random.Random
) -> tuple[int, int]:
    """How many typos of the names, so many of each at most, get the right suggestion, and of how many."""
    right = tried = 0
    for name in names:
        wrong = sorted(typos(name, chance) - set(names))
        for typo in chance.sample(wrong, min(most, len(wrong))):
            tried += 1
            right += tail(typo, names) == f"; did you mean {name!r}?"
    return right, tried


@pytest.mark.parametrize("most", [1, pytest.param(1000, marks=pytest.mark.faults)])
def test_typos_of_keys_and_choices_get_the_right_suggestion(composed: Configs, most: int) -> None:
    chance = random.Random(0)
    sets = [
        [key for key, _ in leaves(config) if not key.endswith("_target_")] for config in composed.values()
    ]
    keys = [share_of_right_suggestions(names, closest_key, most, chance) for names in sets]
    groups = [catalog.names(group) for group in catalog.groups()]
    choices = [share_of_right_suggestions(names, suggest, most, chance) for names in groups]
    for what, found in (("keys", keys), ("choices", choices)):
        right, tried = (sum(numbers) for numbers in zip(*found, strict=True))
        print(f"typos of {what}: {right} of {tried}, {right / tried:.2%}")  # noqa: T201
        assert right >= 0.95 * tried


@pytest.mark.parametrize("count", [12, pytest.param(200, marks=pytest.mark.faults)])
def test_typos_on_the_way_through_hydra(composed: Configs, count: int) -> None:
    chance = random.Random(1)
    right = 0
    for _ in range(count):
        experiment, config = chance.choice(list(composed.items()))
        key = chance.choice([key for key, _ in leaves(config) if "_target_" not in key])
        groups = set(catalog.groups()) & config.keys()
        typo = chance.choice(sorted(typos(key, chance) - {known for known, _ in leaves(config)}))
        word = f"{typo}={chance.choice(catalog.names(key)) if key in groups else 1}"
        with pytest.raises(UserError) as caught:
            compose(experiment, [*smoke(experiment), word])
        right += f"did you mean {key!r}?" in str(caught.value)
        print(experiment, word, caught.value)  # noqa: T201
    assert right >= 0.9 * count
