"""What tab completion offers: experiments, groups and their choices, runs."""

from attnrun.launch import catalog
from attnrun.runs.layout import OUTPUTS


def complete_experiment(incomplete: str) -> list[tuple[str, str]]:
    """Offer the experiments, each with its one line."""
    return _choices("experiment", incomplete)


def complete_claim(incomplete: str) -> list[tuple[str, str]]:
    """Offer the claims, each with its one line."""
    return _choices("claim", incomplete)


def complete_attention(incomplete: str) -> list[tuple[str, str]]:
    """Offer the attention mechanisms, each with its one line."""
    return _choices("attention", incomplete)


def complete_model(incomplete: str) -> list[tuple[str, str]]:
    """Offer the models, each with its one line."""
    return _choices("model", incomplete)


def complete_search(incomplete: str) -> list[tuple[str, str]]:
    """Offer the searches, each with its one line."""
    return _choices("search", incomplete)


def complete_corpus(incomplete: str) -> list[tuple[str, str]]:
    """Offer the corpora, each with its one line."""
    return _choices("corpus", incomplete)


def complete_download(incomplete: str) -> list[tuple[str, str]]:
    """Offer the corpora that are downloaded, each with its one line."""
    from attnrun.launch.corpora import listed

    entries = [corpus.entry for corpus in listed() if corpus.package]
    return [(e.name, e.what) for e in entries if e.name.startswith(incomplete)]


def complete_override(incomplete: str) -> list[str]:
    """Offer `group=` first, then the choices of the group that is named."""
    group, equals, choice = incomplete.partition("=")
    groups = [name for name in catalog.groups() if name != "experiment"]
    if not equals:
        return [f"{name}=" for name in [*groups, "seed"] if name.startswith(group)]
    return (
        [f"{group}={name}" for name in catalog.names(group) if name.startswith(choice)]
        if group in groups
        else []
    )


def complete_run(incomplete: str) -> list[str]:
    """Offer the names of the runs below `outputs`, newest first, and `latest`."""
    names = [path.parent.name for path in OUTPUTS.glob("*/*/config.yaml")]
    return [name for name in ["latest", *sorted(names, reverse=True)] if name.startswith(incomplete)]


def complete_sweep(incomplete: str) -> list[str]:
    """Offer the names of the sweeps below `outputs`, and `latest`."""
    names = [path.parent.name for path in OUTPUTS.glob("*/*/sweep.json")]
    return [name for name in ["latest", *sorted(names)] if name.startswith(incomplete)]


def complete_run_or_sweep(incomplete: str) -> list[str]:
    """Offer the names of the sweeps below `outputs`, newest first, after those of the runs."""
    sweeps = {path.parent.parent.name for path in OUTPUTS.glob("*/*/*/config.yaml")}
    found = sorted((name for name in sweeps if name.startswith(incomplete)), reverse=True)
    return [*complete_run(incomplete), *found]


def _choices(group: str, incomplete: str) -> list[tuple[str, str]]:
    return [(e.name, e.what) for e in catalog.entries(group) if e.name.startswith(incomplete)]
