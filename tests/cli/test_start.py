"""Help, version and list: quick because nothing heavy is imported."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import Result

from attnrun import __version__
from attnrun.cli.ends import guarded

Cli = Callable[..., Result]
HEAVY = ("torch", "hydra", "omegaconf", "tensorboard", "matplotlib", "numpy", "sacrebleu", "rich.table")


@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], ["list"], ["train", "--help"], ["translate", "-h"], ["compare", "-h"]],
)
def test_quick_commands_import_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys; sys.argv[1:] = sys.argv[2:]\n"
        "from attnrun.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, "-", *words], capture_output=True, text=True)
    assert done.stdout.strip().splitlines()[-1] == "HEAVY []", done.stdout + done.stderr


def test_version_is_the_package_version(cli: Cli) -> None:
    assert cli("--version").stdout == f"attnrun {__version__}\n"


def test_module_and_script_are_the_same_program() -> None:
    done = subprocess.run([sys.executable, "-m", "attnrun", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"attnrun {__version__}\n")


def test_list_names_everything_with_one_line_and_source(cli: Cli) -> None:
    found = json.loads(cli("list", "--json").stdout)
    assert {"nw-regression", "translation"} <= {entry["name"] for entry in found["experiment"]}
    assert {"bahdanau", "additive", "dot", "scaled-dot", "gaussian"} <= {
        e["name"] for e in found["attention"]
    }
    assert {"phrases", "tsv", "files"} <= {entry["name"] for entry in found["corpus"]}
    for group, entries in found.items():
        for entry in entries:
            assert entry["what"] and entry["source"], f"{group}/{entry['name']} lacks its header"


def test_list_of_a_mistyped_group_suggests_the_right_one(cli: Cli) -> None:
    result = cli("list", "atention")
    assert result.exit_code == 2
    assert "did you mean 'attention'?" in result.stderr


def test_a_file_that_cannot_be_used_is_one_line_without_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        guarded(lambda: Path("/none/x").write_text("x"))()
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == "attnrun: cannot use /none/x: No such file or directory\n"


def test_unknown_command_is_a_usage_error(cli: Cli) -> None:
    result = cli("trian")
    assert result.exit_code == 2
    assert "train" in result.stderr


@pytest.mark.parametrize("words", [[], ["data"]])
def test_no_command_is_summed_up_by_half_a_sentence(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    summaries = cli(*words, "--help").stdout.partition("Commands:\n")[2].splitlines()
    assert len(summaries) >= 5
    assert [line for line in summaries if not line.endswith(".") or line.endswith("..")] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "nw-regression", "--seed", "1"], "--seed; a key is written seed=VALUE"),
        (["train", "nw-regression", "--optim.lr=1"], "--optim.lr; a key is written optim.lr=VALUE"),
        (["train", "nw-regression", "--jsn"], "--jsn (Possible options: --json)"),
        (["train", "nw-regression", "--a\x1b[2J"], "--a\\x1b[2J\n"),
        (["doctor", "--seed", "1"], "--seed\n"),
        (["train"], "'EXPERIMENT'. See `attnrun list`."),
        (["show"], "'RUN'. A path, a name, its beginning, or latest."),
    ],
)
def test_a_usage_error_says_what_to_write(cli: Cli, words: list[str], message: str) -> None:
    result = cli(*words)
    assert result.exit_code == 2 and message in result.stderr, result.stderr


def test_an_experiment_in_the_place_of_a_command(cli: Cli) -> None:
    assert (
        "No such command 'nw-regression'. Did you mean `attnrun train nw-regression`?"
        in cli("nw-regression").stderr
    )
    assert (
        cli("claim", "10.2").stderr
        == "attnrun: no claim named '10.2'; of a section: attnrun reproduce 10.2\n"
    )
    said = cli("train", "translation", "corpus=pairs.jsonl.gz").stderr
    assert "a file of your own is corpus=jsonl corpus.path=pairs.jsonl.gz" in said
    assert "; for each of them: -m 'seed=range(0,5)'" in cli("train", "nw-regression", "seed=0..4").stderr
    said = cli("train", "translation", "~corpus.limit", "--cfg=job").stderr  # Hydra 1.4 takes it
    assert said in ("", "attnrun: config key 'corpus.limit' cannot be left out, for it is null already\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(cli: Cli, shell: str) -> None:
    assert "_ATTNRUN_COMPLETE" in cli("completion", shell).stdout


def test_the_lines_that_install_completion_can_be_copied(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = cli("completion", "--help").stdout.splitlines()
    assert """  echo 'eval "$(attnrun completion bash)"' >> ~/.bashrc""" in lines


def test_completion_of_an_unknown_shell_is_refused(cli: Cli) -> None:
    assert (
        cli("completion", "fisch").stderr
        == "attnrun: no completion for the shell 'fisch'; did you mean 'fish'?\n"
    )


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("attnrun train nw-", {"nw-regression", "nw-regression-textbook"}),
        ("attnrun train nw-regression attention=gau", {"gaussian", "gaussian-learned"}),
        ("attnrun train translation corp", {"corpus="}),
        ("attnrun translate --attention bah", {"bahdanau"}),
        ("attnrun sm", {"smoke"}),
    ],
)
def test_bash_completes_the_line(cli: Cli, line: str, offered: set[str]) -> None:
    command = f'attnrun() {{ {sys.executable} -m attnrun "$@"; }}; {cli("completion", "bash").stdout}\n'
    command += f"COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}; _attnrun_completion attnrun 2>/dev/null\n"
    command += 'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert set(done.stdout.split()) == offered, done.stderr


def test_a_signal_that_comes_too_late_changes_nothing() -> None:
    code = "import atexit, os, signal; from attnrun.__main__ import main; "
    code += "atexit.register(os.kill, os.getpid(), signal.SIGTERM); main()"
    done = subprocess.run([sys.executable, "-c", code, "list", "search"], capture_output=True, text=True)
    assert done.returncode == 0 and "greedy" in done.stdout
