"""What tab completion offers: experiments, groups and their choices, runs."""

from collections.abc import Callable, Iterable, Sequence

from attnrun.launch import catalog
from attnrun.runs.layout import CONFIG, OUTPUTS, SWEEP


def choices_of(group: str) -> Callable[[str], list[tuple[str, str]]]:
    """Return what offers the choices of a config group, each with its one line."""

    def complete(incomplete: str) -> list[tuple[str, str]]:
        return _beginning(catalog.entries(group), incomplete)

    return complete


complete_experiment = choices_of("experiment")
complete_claim = choices_of("claim")
complete_attention = choices_of("attention")
complete_model = choices_of("model")
complete_search = choices_of("search")
complete_corpus = choices_of("corpus")


def complete_download(incomplete: str) -> list[tuple[str, str]]:
    """Offer the corpora that are downloaded, each with its one line."""
    from attnrun.launch.corpora import listed

    return _beginning([corpus.entry for corpus in listed() if corpus.package], incomplete)


def complete_override(incomplete: str) -> list[str]:
    """Offer `group=` first, then the choices of the group that is named."""
    groups = [name for name in catalog.groups() if name != "experiment"]
    return _overrides(incomplete, groups, [*groups, "seed"])


def complete_change(incomplete: str) -> list[str]:
    """Offer what a trained model may be measured with otherwise, as `complete_override` does."""
    from attnrun.launch.changes import EXAMINED

    return _overrides(incomplete, EXAMINED, EXAMINED)


def _overrides(incomplete: str, groups: Sequence[str], keys: Sequence[str]) -> list[str]:
    group, equals, choice = incomplete.partition("=")
    if not equals:
        return [f"{name}=" for name in keys if name.startswith(group)]
    return (
        [f"{group}={name}" for name in catalog.names(group) if name.startswith(choice)]
        if group in groups
        else []
    )


def complete_run(incomplete: str) -> list[str]:
    """Offer the names of the runs below `outputs`, newest first, and `latest`."""
    names = [path.parent.name for path in OUTPUTS.glob(f"*/*/{CONFIG}")]
    return [name for name in ["latest", *sorted(names, reverse=True)] if name.startswith(incomplete)]


def complete_sweep(incomplete: str) -> list[str]:
    """Offer the names of the sweeps below `outputs`, and `latest`."""
    names = [path.parent.name for path in OUTPUTS.glob(f"*/*/{SWEEP}")]
    return [name for name in ["latest", *sorted(names)] if name.startswith(incomplete)]


def complete_run_or_sweep(incomplete: str) -> list[str]:
    """Offer the names of the sweeps below `outputs`, newest first, after those of the runs."""
    sweeps = {path.parent.parent.name for path in OUTPUTS.glob(f"*/*/*/{CONFIG}")}
    found = sorted((name for name in sweeps if name.startswith(incomplete)), reverse=True)
    return [*complete_run(incomplete), *found]


def _beginning(entries: Iterable[catalog.Entry], incomplete: str) -> list[tuple[str, str]]:
    return [(entry.name, entry.what) for entry in entries if entry.name.startswith(incomplete)]
