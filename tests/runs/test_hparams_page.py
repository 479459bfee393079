"""TensorBoard's HParams page of a sweep, as its own code makes it: one table, a row a run, every metric."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attnrun.runs.run import Run

SWEEP: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "0": ({"_target_": "a.Dot"}, {"bleu": 31.5, "aer": 0.25, "signature": "tok:13a"}),
    "1": (
        {"_target_": "a.Gaussian", "width": 2.0, "learned": False},
        {"bleu": 30.25, "aer": 0.5, "width": 1.5},
    ),
    "2": ({"_target_": "a.Gaussian", "width": None, "learned": True}, {"bleu": math.nan, "aer": 0.75}),
}


@pytest.fixture
def sweep(open_run: Callable[..., Run], tmp_path: Path) -> Path:
    for name, (attention, metrics) in SWEEP.items():
        config = {"seed": int(name), "attention": attention, "runtime": {"threads": 1}}
        with open_run(tmp_path / name, config=config, config_hash=name, seed=int(name)) as run:
            for step in (1, 2, 3):
                run.log(step, {"train/loss": 1.0 / step})
            run.finish(metrics)
    return tmp_path


def page(directory: Path) -> tuple[Any, Any]:
    """The experiment as the page sees it, and the rows of its table with all metrics."""
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.hparams import api_pb2
    from tensorboard.plugins.hparams.backend_context import Context
    from tensorboard.plugins.hparams.get_experiment import Handler
    from tensorboard.plugins.hparams.list_session_groups import Handler as Rows

    events = EventMultiplexer().AddRunsFromDirectory(str(directory))
    events.Reload()
    provider = MultiplexerDataProvider(events, str(directory))
    context = Context(TBContext(data_provider=provider, logdir=str(directory)))
    wanted = api_pb2.GetExperimentRequest(include_metrics=True)
    experiment = Handler(RequestContext(), context, "", wanted).run()
    request = api_pb2.ListSessionGroupsRequest(slice_size=99, include_metrics=True)
    request.allowed_statuses.extend([api_pb2.STATUS_SUCCESS])
    for metric in experiment.metric_infos:
        request.col_params.add(metric=metric.name)
    return experiment, Rows(RequestContext(), context, "", request).run()


def test_a_sweep_is_one_table_with_every_metric(sweep: Path) -> None:
    experiment, rows = page(sweep)
    assert rows.total_size == 3
    assert [[session.name for session in row.sessions] for row in rows.session_groups] == [
        ["0"],
        ["1"],
        ["2"],
    ]
    assert {metric.name.group for metric in experiment.metric_infos} == {""}  # of no run below another
    assert {metric.name.tag for metric in experiment.metric_infos} == {"bleu", "aer", "width", "train/loss"}
    for row, (_, metrics) in zip(rows.session_groups, SWEEP.values(), strict=True):
        shown = {value.name.tag: value.value for value in row.metric_values}
        numbers = {key: value for key, value in metrics.items() if value == value and key != "signature"}
        assert shown == {**numbers, "train/loss": pytest.approx(1 / 3)}


def test_the_page_tells_what_differs(sweep: Path) -> None:
    experiment, rows = page(sweep)
    differing = {info.name for info in experiment.hparam_infos if info.differs}
    assert differing == {"seed", "attention._target_", "attention.learned"}
    assert not [info.name for info in experiment.hparam_infos if info.name.startswith("runtime")]
    seeds = [row.hparams["seed"].number_value for row in rows.session_groups]
    assert seeds == [0, 1, 2]
    assert rows.session_groups[1].hparams["attention.width"].number_value == 2.0


def test_a_run_trained_further_keeps_one_row(open_run: Callable[..., Run], sweep: Path) -> None:
    config = {"seed": 0, "attention": {"_target_": "a.Dot"}, "runtime": {"threads": 1}}
    with open_run(sweep / "0", config=config, config_hash="0", seed=0) as run:
        run.log(4, {"train/loss": 0.125})
        run.finish({"bleu": 33.0, "aer": 0.125})
    _, rows = page(sweep)
    assert rows.total_size == 3
    shown = {value.name.tag: value.value for value in rows.session_groups[0].metric_values}
    assert shown == {"bleu": 33.0, "aer": 0.125, "train/loss": 0.125}
