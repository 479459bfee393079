"""A directory of somebody's configs on Hydra's search path: they set values, and name nothing that runs."""

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attnrun.errors import UserError, first_line
from attnrun.launch.targets import is_plugin, is_trusted
from attnrun.runs.plain_yaml import read_text, refuse_resolvers

_SCHEME = "attnrun"
_TRUST_END = ":"  # between the trusted modules and the directory, in what Hydra takes for a path
_MOST_REFERENCES = 16  # of a file: each may double what another stands for
_LONGEST_REFERENCE = 1000  # characters of a text with one
_CHOOSES = ("override hydra/launcher", "override hydra/sweeper")
_PARTS = ("launcher", "sweeper")


def on_search_path(directory: Path, trust: tuple[str, ...] = ()) -> str:
    """Return what names the directory on Hydra's search path, its files to be checked as they are read.

    What they set of Hydra's own keys is refused but for the choice of a launcher or sweeper and its numbers,
    unless `hydra` is trusted.
    """
    _register()
    return f"{_SCHEME}://{','.join(trust)}{_TRUST_END}{directory.absolute()}"


@functools.cache
def _register() -> None:
    """Make the scheme known to Hydra, once a process as it asks for; a launcher takes it to its workers."""
    from hydra.core.object_type import ObjectType
    from hydra.core.plugins import Plugins
    from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    class OwnDirectory(ConfigSource):
        """What Hydra reads a directory by; paths have no suffix and lie inside."""

        @staticmethod
        def scheme() -> str:
            return _SCHEME

        def load_config(self, config_path: str) -> ConfigResult:
            if not self.is_config(config_path):
                raise ConfigLoadError(f"no config {config_path!r}")
            file = self._inside(config_path, ".yaml")
            text = read_text(file)
            try:
                config = OmegaConf.create(text)
            except (OmegaConfBaseException, YAMLError) as error:
                raise UserError(f"cannot read {file}: {first_line(error)}") from None
            if not isinstance(config, DictConfig):
                raise UserError(f"{file} holds no keys")
            try:
                header = self._get_header_dict(text)
            except ValueError as error:
                raise UserError(f"{file}: {error}") from None
            values = OmegaConf.to_container(config)
            trust, _, _ = self.path.partition(_TRUST_END)
            _refuse(file, config_path, header["package"], values, tuple(trust.split(",")))
            return ConfigResult(self.provider, self.full_path(), config, header)

        def available(self) -> bool:
            return self.is_group("")

        def is_group(self, config_path: str) -> bool:
            return self._holds(self._inside(config_path)) and self._inside(config_path).is_dir()

        def is_config(self, config_path: str) -> bool:
            file = self._inside(config_path, ".yaml")
            return self._holds(file) and file.is_file()

        def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
            found: list[str] = []
            for path in self._inside(config_path).iterdir():
                self._list_add_result(found, f"{config_path}/{path.stem}", path.name, results_filter)
            return sorted(set(found))

        def _inside(self, config_path: str, suffix: str = "") -> Path:
            root = self.path.partition(_TRUST_END)[2]
            return Path(root, f"{config_path.removesuffix('.yaml')}{suffix}".lstrip("/"))

        def _holds(self, path: Path) -> bool:
            root = Path(self.path.partition(_TRUST_END)[2]).resolve()
            return ".." not in path.parts and "\0" not in str(path) and path.resolve().is_relative_to(root)

    Plugins.instance().register(OwnDirectory)


def _refuse(file: Path, config_path: str, package: str | None, values: Any, trust: tuple[str, ...]) -> None:
    """Raise UserError where a file sets or reads what a config of somebody else may not."""
    refuse_resolvers(values, file)
    _refuse_many_references(values, file)
    if is_trusted("hydra", trust):
        return
    group = config_path.strip("/").split("/")[:-1]
    if group[:1] == ["hydra"] or "hydra" in (package or ""):
        plain = len(group) == 2 and package in (None, "_group_")
        _refuse_hydra({group[1]: values} if plain else {"package": package or config_path}, file)
    _refuse_hydra(values.get("hydra", {}), file)
    for entry in values.get("defaults") or ():
        named = [str(key).replace(" /", " ") for key in (entry if isinstance(entry, dict) else [entry])]
        if any("hydra" in name and name not in _CHOOSES for name in named):
            raise UserError(f"{file}: {_reason(', '.join(named))}")


def _refuse_hydra(node: Any, file: Path) -> None:
    """Raise UserError for keys of Hydra's that can name code, commands or places to write to."""
    if not isinstance(node, Mapping):
        raise UserError(f"{file}: {_reason('hydra')}")
    for part, values in node.items():
        if part not in _PARTS or not isinstance(values, Mapping):
            raise UserError(f"{file}: {_reason(f'hydra.{part}')}")
        for key, value in values.items():
            fine = is_plugin(value) if key == "_target_" else isinstance(value, int | float | None)
            if part == "sweeper" and key == "params":
                fine = isinstance(value, Mapping) and not any("hydra" in str(name) for name in value)
            if not fine and key != "defaults":
                raise UserError(f"{file}: {_reason(f'hydra.{part}.{key}')}")


def _reason(key: str) -> str:
    return f"{key} steers Hydra itself; give it on the command line, or let such files by --trust hydra"


def _refuse_many_references(values: Any, file: Path) -> None:
    texts = [text for text in _texts(values) if "${" in text]
    if sum(text.count("${") for text in texts) > _MOST_REFERENCES or any(
        len(text) > _LONGEST_REFERENCE for text in texts
    ):
        raise UserError(f"{file} refers to other keys too often for a configuration")


def _texts(value: Any) -> Iterable[str]:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in below:
        yield from _texts(each)
    if isinstance(value, str):
        yield value
