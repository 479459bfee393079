"""From a dotted name in a config to the code it names, inside `attnrun` and trusted modules only."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from attnrun.errors import UserError, suggest

# Rooms of this package whose code writes, launches or shows: no config has a use for it.
_CLOSED = tuple(f"attnrun.{room}" for room in ("cli", "claims", "launch", "runs", "analysis", "__main__"))
_PLUGINS = ("hydra._internal.core_plugins.", "hydra_plugins.", "hydra.experimental.callbacks.")


def is_trusted(module: str, trust: tuple[str, ...]) -> bool:
    """Say whether a config may name code of `module`."""
    return any(module == root or module.startswith(root + ".") for root in ("attnrun", *trust))


def is_plugin(target: object) -> bool:
    """Say whether `target` names Hydra's own code: a launcher, a sweeper, a callback or a plugin's part."""
    return isinstance(target, str) and target.startswith(_PLUGINS)


def check_trust(trust: tuple[str, ...]) -> None:
    """Let trusted modules be found in the working directory too; raise UserError for one that is nowhere."""
    if trust and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    for module in trust:
        root = module.partition(".")[0]
        if not root.isidentifier() or importlib.util.find_spec(root) is None:
            raise UserError(f"--trust {module}: there is no such module here or on PYTHONPATH")


def import_module(name: str, key: str, trust: tuple[str, ...] = ()) -> ModuleType:
    """Import the module that the config key `key` names.

    Raises UserError where the module is not trusted or does not exist.
    """
    if not is_trusted(name, trust):
        root = name.partition(".")[0]
        raise UserError(f"{key}: {name!r} is outside attnrun; to run its code, add --trust {root}")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            raise UserError(f"{key}: there is no module {name!r}") from None
        raise UserError(f"{key}: {name!r} cannot be imported: {error}") from error
    except Exception as error:  # whatever a user's own module does wrong
        raise UserError(f"{key}: {name!r} cannot be imported: {type(error).__name__}: {error}") from error


def resolve(
    target: object, key: str, trust: tuple[str, ...] = (), closed: tuple[str, ...] = _CLOSED
) -> Callable[..., Any]:
    """Return the class or function that `target` names, e.g. `attnrun.attention.Additive`.

    Raises UserError for a name that is no public class or function of a trusted module, or that begins with
    one of `closed`.
    """
    if not isinstance(target, str) or "." not in target:
        raise UserError(f"{key}: expected the dotted name of a class or function, not {target!r}")
    module_name, _, name = target.rpartition(".")
    if module_name.startswith(closed):
        raise UserError(f"{key}: {target!r} is no part of an experiment")
    module = import_module(module_name, key, trust)
    found: Any = getattr(module, name, None) if not name.startswith("_") else None
    if not callable(found) or not is_trusted(getattr(found, "__module__", ""), trust):
        public = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
        raise UserError(f"{key}: {module_name} has no class or function {name!r}{suggest(name, public)}")
    resolved: Callable[..., Any] = found
    return resolved
