"""A composed config as typed values: what the run needs, and what the experiment needs."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from attnrun.errors import UserError, first_line
from attnrun.launch.blame import blamed
from attnrun.launch.contents import with_contents
from attnrun.launch.schema import UndeclaredKeys, build, fields_of, without
from attnrun.launch.targets import check_trust, import_module
from attnrun.ranges import Seed

if TYPE_CHECKING:
    from attnrun.runs.device import Runtime

# Keys that change where, how fast or how often something is written, and never what is computed.
NOT_HASHED = ("runtime", "resume", "trainer.log_every", "trainer.checkpoint_every", "trainer.keep")


class NoValue(UserError):
    """Keys of a config wait for a value that only the user can give."""

    def __init__(self, keys: Sequence[str], word: str = "{}=…") -> None:
        self.keys = keys
        asked = " ".join(word.format(key) for key in keys)
        super().__init__(
            f"config key {keys[0]!r} has no value; give {'one' if len(keys) == 1 else 'these'}: {asked}"
        )


@dataclass(frozen=True)
class Common:
    """The keys that every config has beside those of its experiment.

    `resume` "auto" goes on with the newest run of the same config, where there is one.
    """

    experiment: str
    module: str
    seed: Seed = 0
    resume: Literal["never", "auto"] = "never"


@dataclass(frozen=True)
class Plan:
    """Everything a job needs, checked: the module to call, and the typed config to call it with."""

    common: Common
    module: ModuleType
    runtime: "Runtime"
    config: Any
    plain: dict[str, Any]

    @cached_property
    def config_hash(self) -> str:
        return config_hash(self.plain)

    def require_fit(self) -> None:
        """Raise UserError where the experiment's own `check` refuses the config, before anything is made.

        Several processes are refused where its `ONE_PROCESS` says why.
        """
        wanted, reason = self.runtime.processes, getattr(self.module, "ONE_PROCESS", "")
        if wanted > 1 and reason:
            name = self.common.experiment
            raise UserError(f"runtime.processes={wanted}: {name} trains in one, for {reason}; leave it at 1")
        refuse = getattr(self.module, "check", None)
        if refuse is None:
            return
        try:
            _try_normalisers(self.config, self.plain)
            refuse(self.config)
        except UserError:
            raise
        except Exception as error:  # whatever a part of the user's own does wrong
            from attnrun.runs.failures import one_line

            place = f"experiment {self.common.experiment!r}"
            raise UserError(f"{place} cannot be built: {one_line(error, self.plain)}") from error


def _try_normalisers(config: Any, plain: Mapping[str, Any]) -> None:
    """Raise UserError where what is to make weights of scores makes none: only a call can tell.

    A key is of a normaliser where its declared type says so.
    """
    from torch import Tensor

    normaliser = Callable[[Tensor, Tensor | None], Tensor]  # of scores and mask
    keys = (key for key, declared in fields_of(type(config)).items() if declared.annotation == normaliser)
    for key in keys:
        if reason := _fault(getattr(config, key)):
            wrong = f"{key}._target_: {plain[key]['_target_']} makes no weights of scores"
            raise UserError(f"{wrong}: {reason}; choose one that does, such as {key}=softmax")


def _fault(normaliser: Callable[..., Any]) -> str:
    """What is wrong with the weights that it makes of scores, "" for nothing."""
    import torch

    try:
        weights = normaliser(torch.arange(3.0)[None], None)  # of scores (N, M)
    except Exception as error:  # whatever a function for something else, or one of the user's own, does
        return f"{type(error).__name__}: {first_line(error)}"
    found = tuple(weights.shape) if isinstance(weights, torch.Tensor) else type(weights).__name__
    return "" if found == (1, 3) else f"of shape (1, 3) it makes {found}"


def check(
    plain: Mapping[str, Any],
    trust: tuple[str, ...] = (),
    overrides: Sequence[str] = (),
    config_dir: Path | None = None,
) -> Plan:
    """Turn the resolved config `plain` into typed values, or raise UserError naming the key that is wrong.

    `overrides` are the user's words in it, of which some may name choices in `config_dir`: what else is wrong
    was set by the experiment or by a recipe.
    """
    from attnrun.runs.device import Runtime

    check_trust(trust)
    common_keys = fields_of(Common)
    common = build(Common, {key: plain[key] for key in common_keys if key in plain})
    module = import_module(common.module, "module", trust)
    missing = [name for name in ("Config", "PRIMARY", "train") if not hasattr(module, name)]
    if missing:
        raise UserError(f"module: {common.module!r} is no experiment, it has no {' and no '.join(missing)}")
    runtime = build(Runtime, plain.get("runtime", {}), "runtime")
    rest = {key: value for key, value in plain.items() if key not in common_keys and key != "runtime"}
    try:
        config = build(module.Config, rest, trust=trust)
    except UndeclaredKeys as error:
        raise blamed(error, plain, trust, overrides, config_dir) from None
    return Plan(common, module, runtime, config, dict(plain))


def compose(experiment: str, overrides: Sequence[str], config_dir: Path | None = None) -> dict[str, Any]:
    """Compose the config of `experiment` without running it, and resolve it to plain values.

    Raises UserError for an override that does not fit.
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig

    from attnrun.launch.explain import explained, search_path
    from attnrun.launch.hydra_words import check_words

    check_words(overrides, trust=None)
    words = [f"experiment={experiment}", *overrides, *search_path(config_dir)]
    with (
        explained(experiment, overrides, config_dir),
        hydra.initialize_config_module("attnrun.configs", **version_base()),
    ):
        composed = hydra.compose("config", words, return_hydra_config=True)
        HydraConfig.instance().set_config(composed)
        return to_plain(composed)


def to_plain(composed: Any) -> dict[str, Any]:
    """Return the composed config, interpolations resolved, as plain dicts and lists."""
    from omegaconf import OmegaConf, open_dict
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    config = composed.copy()
    with open_dict(config):
        config.pop("hydra", None)
    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue:
        raise NoValue(sorted(OmegaConf.missing_keys(config))) from None
    except OmegaConfBaseException as error:
        raise UserError(f"config key {error.full_key!r}: {first_line(error)}") from None
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def version_base() -> dict[str, str]:
    """Return Hydra's `version_base` argument, which 1.4 no longer takes."""
    import hydra

    return {"version_base": "1.3"} if hydra.__version__.startswith("1.3") else {}


def config_hash(plain: Mapping[str, Any]) -> str:
    """Return 16 hex digits that are equal exactly where two configs compute the same thing.

    Of the user's files the content counts, not the path: a run of a file edited since matches no more.
    """
    kept = without(json.loads(json.dumps(plain)), NOT_HASHED)
    return hashlib.sha256(json.dumps(with_contents(kept), sort_keys=True).encode()).hexdigest()[:16]
