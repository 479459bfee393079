"""`attnrun translate`: translate text with an attention mechanism and show where it looked."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnrun.cli.complete import (
    complete_attention,
    complete_corpus,
    complete_model,
    complete_override,
    complete_run,
    complete_search,
)
from attnrun.cli.decode import ENGINES, MOST_WORKERS, How, open_translator, translations
from attnrun.cli.ends import echo_json, echo_line, say
from attnrun.cli.options import AsJson, ConfigDir, Trust, finished_run
from attnrun.errors import RunFailed, UserError
from attnrun.launch import catalog
from attnrun.runs.layout import OUTPUTS

if TYPE_CHECKING:
    from attnrun.cli.inputs import Inputs

_MOST_MAPS = 3  # more would scroll the first one away
_MOST_UNKNOWN = 12


def translate(
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT", help="Sentences; - reads lines from stdin. None: a sample of the test set."
        ),
    ] = None,
    attention: Annotated[
        str | None,
        typer.Option(
            "--attention",
            "-a",
            help="A mechanism, as in `attnrun list attention`.",
            autocompletion=complete_attention,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="A model, as in `attnrun list model`.", autocompletion=complete_model
        ),
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            "--corpus",
            "-c",
            help="A corpus by name, or a file: tab-separated, or JSON lines (.jsonl, .json).",
            autocompletion=complete_corpus,
        ),
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            "-r",
            metavar="RUN",
            help="Use this run: path, name, its beginning, or latest. Several: the mean of their models.",
            autocompletion=complete_run,
        ),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(
            "--search",
            help="How to search, as in `attnrun list search`; --set search.size=10 sets a key of it.",
            autocompletion=complete_search,
        ),
    ] = None,
    n_best: Annotated[
        int | None,
        typer.Option("--n-best", min=1, max=1000, help="So many translations of each text, with scores."),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            "--engine",
            help="attnrun, or ctranslate2, which is faster and shows no attention.",
            autocompletion=lambda: list(ENGINES),
        ),
    ] = "attnrun",
    workers: Annotated[
        int,
        typer.Option(
            "--workers", min=1, max=MOST_WORKERS, help="Translate lines by so many processes of one thread."
        ),
    ] = 1,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="KEY=VALUE",
            help="A Hydra override of the training.",
            autocompletion=complete_override,
        ),
    ] = None,
    config_dir: ConfigDir = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Translate, and show where the model looked.

    Uses the newest finished run of this configuration, and trains one first if there is none.
    """
    from attnrun.cli.inputs import read_inputs
    from attnrun.launch.changes import SEARCH, changed_search, is_about

    how = How(n_best, engine, workers)
    inputs = read_inputs(text or [])
    trusted = tuple(trust or ())
    words = [*([] if search is None else [f"search={search}"]), *(override or ())]
    if not run:
        parts = {"model": model, "attention": attention}
        chosen = [f"{group}={name}" for group, name in parts.items() if name is not None]
        experiment = _suiting(model, config_dir)
        found, node = _find_or_train(experiment, chosen, corpus, words, trusted, config_dir)
        directories = [found]
    elif attention or model or corpus or not all(is_about(word, SEARCH) for word in words):
        raise UserError(
            "--run names a trained run; --attention, --model, --corpus and --set belong to a new one, but "
            "for --set search.…"
        )
    else:
        from attnrun.runs.find import RunRecord

        directories = [finished_run(name) for name in run]
        node = changed_search(RunRecord(directories[0]).config, words, config_dir)
    _translate(directories, inputs, trusted, node, how, as_json)


def _suiting(model: str | None, config_dir: Path | None) -> str:
    """Return the experiment that suits the model, whose attention is the default too."""
    entries = catalog.entries("model", config_dir) if model else []
    return next((entry.experiment for entry in entries if entry.name == model), "") or "translation"


def _find_or_train(
    experiment: str,
    chosen: list[str],
    corpus: str | None,
    words: list[str],
    trust: tuple[str, ...],
    config_dir: Path | None,
) -> tuple[Path, dict[str, Any] | None]:
    """Return a run of that config, which may have searched in another way, and how to search now."""
    from attnrun.launch.config import check, compose
    from attnrun.launch.corpus_words import Spelling, choose, telling_fields
    from attnrun.launch.trained import newest_alike

    spelling = Spelling("--corpus ", "--set corpus.", "--set ")
    choice = None if corpus is None else choose(corpus, config_dir, spelling)
    words = [*chosen, *(choice.overrides if choice else ()), *words]
    with telling_fields(choice, spelling):
        plan = check(compose(experiment, words, config_dir), trust, words, config_dir)
    found = newest_alike(OUTPUTS, plan.plain)
    if found is not None:
        say(f"using the run {found}")
    else:
        plan.require_fit()
        found = _train(experiment, words, trust, config_dir)
    return found, plan.plain.get("search")


def _train(experiment: str, words: list[str], trust: tuple[str, ...], config_dir: Path | None) -> Path:
    say("no finished run of this configuration in ./outputs; training one first:")
    places = [] if config_dir is None else ["--config-dir", str(config_dir)]
    options = [*places, *(word for module in trust for word in ("--trust", module))]
    say(" ".join(["attnrun train", experiment, *map(_typed, (*words, *options))]))
    from attnrun.launch.bridge import launch

    report = launch(experiment, words, trust=trust, config_dir=config_dir)[0]
    if report.exit_code == UserError.exit_code:
        raise UserError(report.message)
    if report.exit_code:
        raise RunFailed(report.message)
    assert report.directory is not None
    return Path(report.directory)


def _typed(word: str) -> str:
    """A word as one types it into a shell; Hydra's own quotes stay inside."""
    is_plain = "'" in word and not set(word) & set('"$`\\!')
    return f'"{word}"' if is_plain else shlex.quote(word)


def _translate(
    directories: list[Path],
    inputs: "Inputs",
    trust: tuple[str, ...],
    search: dict[str, Any] | None,
    how: How,
    as_json: bool,
) -> None:
    from attnrun.cli.inputs import sample
    from attnrun.runs.find import RunRecord

    model, directory = open_translator(directories, trust, search, how), directories[0]
    examples = [{"source": line} for line in inputs.lines] or sample(directory)
    sources = [example["source"] for example in examples]
    unknown = model.unknown(sources) if inputs.lines else []
    found = translations(model, sources, how)
    if inputs.many and not as_json:
        _tell_unknown(unknown)
        for number, one in enumerate(found, 1):
            for line in _lines(one, number):
                echo_line(line)
        return
    several = list(found)
    _tell_unknown(unknown)
    maps = [] if inputs.many else _maps(model, sources[:_MOST_MAPS])
    pictures = _save(directory, maps)
    scores = None if inputs.lines or len(directories) > 1 else RunRecord(directory).metrics
    if as_json:
        echo_json(_document(directories, examples, several, maps, pictures, scores))
    else:
        from attnrun.cli.maps import show_translations

        show_translations(directory, examples, several, maps, pictures, scores)


def _tell_unknown(words: list[str]) -> None:
    if words:
        say(f"words that the model has never seen: {', '.join(words[:_MOST_UNKNOWN])}")


def _lines(found: Any, number: int) -> list[str]:
    """A translation; of several for an input its number, score and log-probability before each."""
    if isinstance(found, str):
        return [found]
    return [f"{number}\t{one.score:.4f}\t{one.log_probability:.4f}\t{one.text}" for one in found]


def _maps(model: Any, sources: list[str]) -> list[Any]:
    try:
        maps: list[Any] = model.weights(sources)
    except UserError as error:  # a model without attention still translates
        say(str(error))
        return []
    return maps


def _save(directory: Path, maps: list[Any]) -> list[Path]:
    """Draw each map into the run's directory; the files are numbered, since text makes no file names."""
    if not maps:
        return []
    from attnrun.analysis.plots import heat_map, save

    paths = [directory / "figures" / f"translate-{number}.png" for number in range(1, len(maps) + 1)]
    for path, attention_map in zip(paths, maps, strict=True):
        save(heat_map(attention_map), path)
        attention_map.save(path.with_suffix(".npz"))
    return paths


def _document(
    directories: list[Path],
    examples: list[dict[str, str]],
    found: list[Any],
    maps: list[Any],
    pictures: list[Path],
    scores: dict[str, Any] | None,
) -> dict[str, Any]:
    translations = [{**example, **_told(one)} for example, one in zip(examples, found, strict=True)]
    for translation, attention_map, picture in zip(translations, maps, pictures, strict=False):
        translation["source_tokens"] = attention_map.keys
        translation["target_tokens"] = attention_map.queries
        translation["weights"] = attention_map.mean().round(6).tolist()
        translation["figure"] = str(picture)
    more = {"ensemble": [str(directory) for directory in directories]} if len(directories) > 1 else {}
    return {"run": str(directories[0]), **more, "test": scores, "translations": translations}


def _told(found: Any) -> dict[str, Any]:
    if isinstance(found, str):
        return {"translation": found}
    return {"translation": found[0].text, "candidates": [asdict(one) for one in found]}
