"""The command ``completion``: scripts with which shells complete commands and options."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Iterator
from functools import partial

from persidict.core._cli.arguments import Parsers, add_command
from persidict.core._cli.output import say

_BASH = """\
_persidict() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} command= word words=
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        if [[ $word != -* ]]; then command=$word; break; fi
    done
    case $command in
        '') words='{commands}' ;;
{cases}
    esac
    COMPREPLY=()
    if [[ -z $command || $current == -* ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$current"))
    fi
}}
complete -o default -F _persidict persidict
"""
_ZSH = """\
#compdef persidict
_persidict() {{
    local -a commands
    commands=(
{commands}
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    case ${{words[2]}} in
{cases}
    esac
}}
compdef _persidict persidict
"""


def add_to(commands: Parsers) -> None:
    """Add the command of this module."""
    parser = add_command(
        commands,
        "completion",
        partial(completion, commands),
        "print a script for your shell",
        "Print a script that makes your shell complete the commands and options of persidict. "
        'For bash and zsh, run: eval "$(persidict completion bash)". For fish, run: persidict '
        "completion fish | source. To keep it, put that line into ~/.bashrc, ~/.zshrc or "
        "~/.config/fish/config.fish.",
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def completion(commands: Parsers, options: Namespace) -> int:
    """Print the script for a shell."""
    summaries = {action.dest: action.help or "" for action in commands._choices_actions}
    found = {
        name: (summaries[name], list(_options(parser))) for name, parser in commands.choices.items()
    }
    write = {"bash": _bash, "zsh": _zsh, "fish": _fish}[options.shell]
    say(write(found).rstrip("\n"))
    return 0


def _options(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    return (
        action
        for action in parser._actions
        if action.option_strings and action.help != argparse.SUPPRESS
    )


_Found = dict[str, tuple[str, list[argparse.Action]]]


def _bash(found: _Found) -> str:
    cases = [
        f"        {name}) words='{' '.join(o for a in actions for o in a.option_strings)}' ;;"
        for name, (_, actions) in found.items()
    ]
    return _BASH.format(commands=" ".join(found), cases="\n".join(cases))


def _zsh(found: _Found) -> str:
    commands = [f"        '{name}:{_plain(summary)}'" for name, (summary, _) in found.items()]
    cases = []
    for name, (_, actions) in found.items():
        specs = [
            f"'{option}[{_plain(action.help)}]{_zsh_value(action)}'"
            for action in actions
            for option in action.option_strings
        ]
        cases.append(f"        {name}) _arguments {' '.join(specs)} '*:file:_files' ;;")
    return _ZSH.format(commands="\n".join(commands), cases="\n".join(cases))


def _zsh_value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if action.choices:
        return f":value:({' '.join(map(str, action.choices))})"
    return ":value:_files"


def _fish(found: _Found) -> str:
    lines = ["complete -c persidict -n __fish_use_subcommand -f"]
    for name, (summary, actions) in found.items():
        lines.append(
            f"complete -c persidict -n __fish_use_subcommand -a {name} -d '{_plain(summary)}'"
        )
        for action in actions:
            names = " ".join(
                f"-l {o[2:]}" if o.startswith("--") else f"-s {o[1:]}"
                for o in action.option_strings
            )
            value = "" if action.nargs == 0 else " -r"
            if action.choices:
                value = f" -x -a '{' '.join(map(str, action.choices))}'"
            lines.append(
                f"complete -c persidict -n '__fish_seen_subcommand_from {name}' "
                f"{names}{value} -d '{_plain(action.help)}'"
            )
    return "\n".join(lines)


def _plain(text: str | None) -> str:
    """Return a help text without what shells and argparse give a meaning."""
    short = (text or "").partition(" (")[0].partition(":")[0]
    return "".join(c for c in short if c not in "'[]\\%:")
