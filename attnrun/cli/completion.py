"""`attnrun completion`: the script that gives a shell tab completion."""

from typing import Annotated

import typer

from attnrun.errors import UserError, suggest

# bash cuts words at `=`, so `attention=ba<TAB>` would arrive in three pieces: take the line itself,
# and hand back only what follows the `=`.
_BASH = """\
_attnrun_completion() {
    local line="${COMP_LINE:0:COMP_POINT}" word reply prefix=""
    local -a words
    read -ra words <<< "$line"
    [[ "$line" == *[[:space:]] ]] && words+=("")
    word="${words[-1]}"
    [[ "$word" == *=* && "$COMP_WORDBREAKS" == *=* ]] && prefix="${word%=*}="
    COMPREPLY=()
    while IFS= read -r reply; do
        COMPREPLY+=("${reply#"$prefix"}")
    done < <(COMP_WORDS="${words[*]}" COMP_CWORD=$((${#words[@]} - 1)) \\
        _ATTNRUN_COMPLETE=complete_bash "$1" 2>/dev/null)
    [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *= ]] && compopt -o nospace
    return 0
}
complete -o default -F _attnrun_completion attnrun
"""
_SHELLS = ("bash", "zsh", "fish")


def completion(shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", help="Whose script.")]) -> None:
    """Print the tab completion script of a shell.

    Put it where the shell starts; zsh: after compinit.

    \b
    echo 'eval "$(attnrun completion bash)"' >> ~/.bashrc
    echo 'eval "$(attnrun completion zsh)"' >> ~/.zshrc
    attnrun completion fish > ~/.config/fish/completions/attnrun.fish
    """
    if shell not in _SHELLS:
        raise UserError(f"no completion for the shell {shell!r}{suggest(shell, _SHELLS)}")
    if shell == "bash":
        typer.echo(_BASH, nl=False)
        return
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    typer.echo(get_completion_script(prog_name="attnrun", complete_var="_ATTNRUN_COMPLETE", shell=shell))
