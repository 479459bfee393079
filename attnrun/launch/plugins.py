"""What launchers and sweepers need beside their own configs, so that their names alone will do."""

from collections.abc import Sequence
from pathlib import Path

from attnrun.errors import UserError
from attnrun.launch.explain import search_path
from attnrun.launch.share import plugin_of
from attnrun.launch.targets import import_module

_WEEK, _NIGHT = 7 * 24 * 60, 12 * 60  # minutes
_LAUNCHERS = {
    # Its own hour would end a longer training.
    "submitit_local": (f"hydra.launcher.timeout_min={_WEEK}",),
    # A job whose time is over is queued again and goes on from its newest checkpoint; torch would take every
    # core of the node.
    "submitit_slurm": (
        "hydra.launcher.name=attnrun",
        f"hydra.launcher.timeout_min={_NIGHT}",
        "hydra.launcher.max_num_timeout=10",
        "hydra.launcher.cpus_per_task=2",
        "hydra.launcher.setup=['export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK']",
    ),
    # A cluster that runs already has a memory for objects; the plugin would give it another.
    "ray": ("++hydra.launcher.ray.init.object_store_memory=null", "++hydra.launcher.ray.remote.num_cpus=1"),
}


def of_plugins(
    experiment: str, overrides: Sequence[str], trust: tuple[str, ...] = (), config_dir: Path | None = None
) -> list[str]:
    """Return the words that go before the user's `overrides` of a sweep.

    Raises UserError and what Hydra raises where the experiment cannot be composed.
    """
    words = list(_LAUNCHERS.get(plugin_of("launcher", overrides), ()))
    if plugin_of("sweeper", overrides) == "optuna":
        goal = _goal(experiment, trust, config_dir)
        # Its failed jobs are reported with the others: they end no study.
        words += [f"hydra.sweeper.direction={goal}imize", "hydra.sweeper.max_failure_rate=1"]
        if plugin_of("sweeper/sampler", overrides) != "grid":  # which draws nothing
            words.append("hydra.sweeper.sampler.seed=0")
    return words


def _goal(experiment: str, trust: tuple[str, ...], config_dir: Path | None) -> str:
    """The goal of the experiment's primary metric, `min` or `max`."""
    import hydra

    from attnrun.launch.config import version_base

    words = [f"experiment={experiment}", *search_path(config_dir, trust)]
    with hydra.initialize_config_module("attnrun.configs", **version_base()):
        module = str(hydra.compose("config", words).module)
    try:
        return str(import_module(module, "module", trust).PRIMARY[1])
    except AttributeError:
        raise UserError(f"module: {module!r} is no experiment, it has no PRIMARY") from None
