"""Hydra's errors as one line that names the thing, the place and the nearest valid choice."""

import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from yaml import MarkedYAMLError, YAMLError

from attnrun.errors import UserError, first_line, nearest, suggest
from attnrun.launch import catalog
from attnrun.launch.quoting import quote
from attnrun.runs.files import unusable

# `${now:…}` and the other resolvers may be spelled wrong in an override, hence OmegaConf's errors too.
_NO_KEY = re.compile(r"Could not (?:override|append to config\. Key|delete(?: from config\.)?) '([^']+)'")
_EXTRAS = {
    "hydra/launcher/joblib": "sweep",
    "hydra/launcher/submitit_local": "sweep",
    "hydra/launcher/submitit_slurm": "sweep",
    "hydra/launcher/ray": "ray",
    "hydra/sweeper/optuna": "sweep",
}  # of attnrun: which one brings the choice
# What Optuna raises at the end of a study whose jobs all failed, or the last one of a grid.
_OF_FAILED_JOBS = ("No trials are completed yet.", "`Study.stop` is supposed to be invoked")
# What a word processor, or a Chinese keyboard, makes of signs.
_MEANT = dict(zip("–—−－“”＂‘’＝，", '----"""\'\'=,', strict=True))
_WHERE_HYDRA_1_4 = "Error when parsing index: "  # a line before what 1.3 says
_SWEEP = re.compile(r"(?:Ambiguous value for argument|Sweep parameters) '([^']+)'")


@contextmanager
def explained(
    experiment: str, overrides: Sequence[str] = (), config_dir: Path | None = None
) -> Iterator[None]:
    """Turn what Hydra and OmegaConf raise about the user's words into one UserError."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except HydraException as error:
        raise UserError(explain(error, experiment, overrides, config_dir)) from None
    except YAMLError as error:
        raise UserError(f"cannot read {_place(error)}") from None
    except BrokenPipeError:
        raise
    except OSError as error:  # a job keeps its own to itself: this is a config, or the run's directory
        raise UserError(unusable(error)) from None
    except OmegaConfBaseException as error:
        raise UserError(f"config key {error.full_key or '?'!r}: {first_line(error)}") from None
    except UserError:
        raise
    except Exception as error:
        if not _raised_by_hydra(error):
            raise
        if str(error).startswith(_OF_FAILED_JOBS):
            return  # their reports say why
        if "hydra_plugins" in _packages(error):
            raise UserError(f"the launcher or sweeper cannot go on: {first_line(error)}") from None
        if "Config group override" in str(error):
            raise UserError(_no_name(overrides, config_dir) or first_line(error)) from None
        raise UserError(f"these words or configs cannot be put together: {first_line(error)}") from None


def explain(
    error: Exception, experiment: str, overrides: Sequence[str] = (), config_dir: Path | None = None
) -> str:
    """Return one line for an error that Hydra raised while it composed `experiment`."""
    from hydra.errors import MissingConfigException, OverrideParseException

    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _no_choice(error.missing_cfg_file, error.options or [])
    if isinstance(error, OverrideParseException):
        return f"cannot read the override {error.override!r}{_unreadable(error)}; expected KEY=VALUE"
    text = str(error) or str(error.__cause__)
    if found := _SWEEP.search(text):
        key = found[1].partition("=")[0]
        each = "attnrun train -m runs each"
        return f"{found[1]!r} names several values; {each}, and for one list write {key}=[…]"
    if found := _NO_KEY.search(text):
        return _no_key(found[1], experiment, overrides, config_dir) or first_line(text)
    return first_line(text)


def _unreadable(error: Exception) -> str:
    """The part of a message that says why an override cannot be read."""
    lines = [line for line in str(error).splitlines() if not line.startswith(_WHERE_HYDRA_1_4)]
    why = first_line("\n".join(lines))
    wrong = [letter for letter in getattr(error, "override", None) or "" if letter in _MEANT]
    if wrong:
        return f": {wrong[0]!r} is not the sign {_MEANT[wrong[0]]!r}"
    return "" if why.startswith(("Error parsing", "Lexer")) else f": {why}"


def _no_name(overrides: Sequence[str], config_dir: Path | None) -> str:
    """The message for a number, or nothing, where a group takes the name of a choice."""
    groups = catalog.groups(config_dir)
    for word in overrides:
        group, _, value = word.partition("=")
        if group in groups and value not in (names := catalog.names(group, config_dir)):
            key = f"keys are set as in {group}.KEY={value}"
            return f"{word!r}: {group!r} takes the name of a choice{suggest(value, names)}; {key}"
    return ""


def _no_choice(missing: str, options: Sequence[str]) -> str:
    group, _, name = missing.rpartition("/")
    if group == "corpus" and "." in name:
        kind = "jsonl" if name.removesuffix(".gz").endswith(("jsonl", "json")) else "tsv"
        return f"no choice of 'corpus' named {name!r}; a file of your own is corpus={kind} corpus.path={name}"
    if missing in _EXTRAS:
        return f'{group}={name} is not installed: pip install "attnrun[{_EXTRAS[missing]}]"'
    listed = [option.removesuffix(".yaml") for option in options] if options else catalog.names(group)
    what = "experiment" if group == "experiment" else f"choice of {group!r}"
    return f"no {what} named {name!r}{suggest(name, listed)}"


def _no_key(key: str, experiment: str, overrides: Sequence[str], config_dir: Path | None) -> str:
    """The message for a key that is not there; "" where a config itself is what is wrong."""
    from hydra.errors import HydraException

    try:
        keys = _known_keys(experiment, overrides, config_dir)
    except HydraException:
        return ""
    if key in keys:  # Hydra takes nothing away from what is nothing
        return f"config key {key!r} cannot be left out, for it is null already"
    groups = sorted({known.partition(".")[0] for known in keys})
    if key in catalog.groups(config_dir):
        return f"experiment {experiment!r} takes no {key!r}; it takes: {', '.join(groups)}"
    return f"no config key {key!r}{closest_key(key, keys)}"


def closest_key(key: str, keys: list[str]) -> str:
    """Return the tail of a message: the key most like `key`, by its last word where the place is right."""
    parent, dot, last = key.rpartition(".")
    siblings = [known.rpartition(".")[2] for known in keys if known.rpartition(".")[0] == parent]
    sibling = nearest(last, siblings) if parent else None
    if sibling is not None:
        return f"; did you mean {parent + dot + sibling!r}?"
    if parent in keys:
        return f"; with this choice {parent} takes {', '.join(siblings) or 'no keys'}"
    elsewhere = [known for known in keys if known.rpartition(".")[2] == last]
    found = nearest(key, elsewhere) or next(iter(elsewhere), None)
    return f"; did you mean {found!r}?" if found else suggest(key, keys)


def _known_keys(experiment: str, overrides: Sequence[str], config_dir: Path | None) -> list[str]:
    """The keys that the experiment has with the choices made for its groups."""
    import hydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf

    from attnrun.launch.config import version_base

    words = [f"experiment={experiment}", *search_path(config_dir)]
    chosen = [word for word in overrides if _is_choice(word, config_dir)]
    with hydra.initialize_config_module("attnrun.configs", **version_base()):
        try:
            composed = OmegaConf.to_container(hydra.compose("config", words + chosen))
        except HydraException:  # a choice for a group that this experiment lacks
            composed = OmegaConf.to_container(hydra.compose("config", words))
    assert isinstance(composed, dict)
    return sorted(key for key in _flat(composed) if not key.endswith("_target_"))


def _is_choice(override: str, config_dir: Path | None) -> bool:
    group, _, name = override.partition("=")
    return group in catalog.groups(config_dir) and name in catalog.names(group, config_dir)


def search_path(config_dir: Path | None, trust: tuple[str, ...] = ("hydra",)) -> list[str]:
    """Return the override that lets a composition find `config_dir`.

    What its files may set of Hydra's own keys depends on `trust`: to compose and run nothing, all of it.
    """
    from attnrun.launch.foreign import on_search_path

    return [] if config_dir is None else [f"hydra.searchpath=[{quote(on_search_path(config_dir, trust))}]"]


def _flat(values: Mapping[Any, Any], where: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{where}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{where}{key}.")


def _place(error: YAMLError) -> str:
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return f"a config: {first_line(error)}"
    return f"{error.problem_mark.name}:{error.problem_mark.line + 1}: {error.problem}"


def _raised_by_hydra(error: Exception) -> bool:
    """Whether it comes from the composing of words and files, which raises whatever it comes upon."""
    parties = ("attnrun", "hydra", "hydra_plugins", "omegaconf", "antlr4", "yaml")
    return [name for name in _packages(error) if name in parties][-1:] != ["attnrun"]


def _packages(error: Exception) -> list[str]:
    """The packages whose code was at work, the innermost last."""
    frames = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [name.partition(".")[0] for name in frames]
