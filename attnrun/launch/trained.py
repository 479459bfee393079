"""From a run directory back to the model it trained, and from a config to the run that trained it."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from attnrun.errors import UserError, first_line
from attnrun.launch.changes import SEARCH
from attnrun.launch.config import Plan, check, config_hash
from attnrun.launch.schema import without
from attnrun.runs.find import RunRecord, records


def open_model(
    directory: Path,
    trust: tuple[str, ...] = (),
    search: Mapping[str, Any] | None = None,
    device: str = "auto",
) -> Any:
    """Return the model that was trained there, with `predict(inputs)` and `weights(inputs, layers, heads)`.

    One whose inputs are texts also has `unknown(inputs)`, their words that it does not know,
    `candidates(inputs, count)`, and `batches(inputs)`, the places of those that it takes together. It
    searches as the run did, or as `search` says, a config of that group. `auto` is the best device that is
    here: a run may come from another machine.

    Raises UserError where the run is not finished or is damaged, or its experiment predicts nothing.
    """
    return _opened(directory, trust, {} if search is None else {SEARCH: dict(search)}, device)[2]


def open_development(directory: Path, trust: tuple[str, ...] = ()) -> Any:
    """Return the part of its data that the run chose by, with the model: its experiment's `development`.

    Raises UserError as `open_model` does, where the experiment offers no such part, and where the data are no
    longer such as the model takes.
    """
    plan, run, model = _opened(directory, trust, {}, "auto")
    if not hasattr(plan.module, "development"):
        raise UserError(
            f"{directory} is a run of {plan.common.experiment}, whose heads cannot be measured: it offers no "
            "data that its training chose by"
        )
    with _refusing(f"the data of {directory} are not what it was trained on"):
        return plan.module.development(run, model)


def evaluate(
    directory: Path, changes: Mapping[str, Any], trust: tuple[str, ...] = (), device: str = "auto"
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the metrics of a trained model on its test split, and a row for each of its answers.

    `changes` are groups of the config in the place of the run's own: other data, another search. Nothing is
    written to the run.

    Raises UserError as `open_model` does, where the experiment offers no `evaluate`, and where the data are
    not such as the model takes.
    """
    plan, run, model = _opened(directory, trust, changes, device)
    if not hasattr(plan.module, "evaluate"):
        raise UserError(f"{directory} is a run of {plan.common.experiment}, which measures no trained model")
    with _refusing(f"the data are not such as {directory} takes"):
        metrics, rows = plan.module.evaluate(run, model)
    return metrics, rows


def corpus_of(directory: Path, trust: tuple[str, ...] = ()) -> Any:
    """Return the sentence pairs that a run was trained and tested on, as its filter left them.

    Raises UserError where it has none.
    """
    config = check(RunRecord(directory).config, trust).config
    if not hasattr(config, "corpus"):
        raise UserError(f"{directory} has no corpus of sentence pairs")
    return config.filter.apply(config.corpus())[0]


def _opened(
    directory: Path, trust: tuple[str, ...], changes: Mapping[str, Any], device: str
) -> tuple[Plan, Any, Any]:
    """The checked config of a finished run, the run, and the model that it trained."""
    from attnrun.runs.device import prepare_process, resolve_device
    from attnrun.runs.trained import TrainedRun

    record = RunRecord(directory)
    if record.status != "done":
        hint = f"; continue it: attnrun resume {directory}" if record.status == "interrupted" else ""
        raise UserError(f"the run {directory} is {record.status}, not finished{hint}")
    plan = check({**record.config, **changes}, trust)
    if not hasattr(plan.module, "load"):
        raise UserError(f"experiment {plan.common.experiment!r} has no model that predicts")
    prepare_process()
    with _refusing(f"the run {directory} is damaged"):
        run = TrainedRun(directory, plan.config, resolve_device(device), record.seed or 0)
        return plan, run, plan.module.load(run)


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    """Turn what files raise that do not fit into a UserError that says `what`."""
    try:
        yield
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
        raise UserError(f"{what}: {type(error).__name__}: {first_line(error)}") from error


def open_ensemble(
    directories: Sequence[Path],
    trust: tuple[str, ...] = (),
    search: Mapping[str, Any] | None = None,
    device: str = "auto",
) -> Any:
    """Return the model of one run, or one that is the mean of the models of several.

    Raises UserError as `open_model` does, and for runs that cannot be joined.
    """
    models = [open_model(directory, trust, search, device) for directory in directories]
    first, others = models[0], models[1:]
    for directory, model in zip(directories, models, strict=True):
        if others and not hasattr(model, "joined"):
            raise UserError(
                f"{directory} is a run of {RunRecord(directory).experiment}, which joins no other"
            )
    for directory, other in zip(directories[1:], others, strict=True):
        if other.fingerprint != first.fingerprint:
            raise UserError(
                f"the vocabularies of {directory} are not those of {directories[0]}; join runs of one corpus "
                "and tokeniser"
            )
    return first.joined(others) if others else first


def newest_alike(root: Path, plain: Mapping[str, Any]) -> Path | None:
    """Return the newest finished run below `root` whose config computes the same but for how it searches."""
    rest = without(plain, [SEARCH])
    hashes: dict[str, str] = {}
    for record in records(root):
        if record.experiment != plain["experiment"] or record.status != "done":
            continue
        with suppress(UserError):  # a damaged config matches nothing
            own = {key: record.config[key] for key in (SEARCH,) if key in record.config}
            key = json.dumps(own, sort_keys=True)
            if key not in hashes:
                hashes[key] = config_hash({**rest, **own})
            if record.config_hash == hashes[key]:
                return record.directory
    return None


def newest_match(root: Path, config_hash: str, statuses: Collection[str] = ("done",)) -> Path | None:
    """Return the newest run below `root` of such a status whose config computes the same thing, or None."""
    matches = (record for record in records(root) if record.config_hash == config_hash)
    return next((record.directory for record in matches if record.status in statuses), None)
