"""Arguments and options that several commands have in common."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

Parsers: TypeAlias = "argparse._SubParsersAction[CommandParser]"
Command: TypeAlias = Callable[[argparse.Namespace], int]

KEY_HELP = (
    "only the item KEY and the items below it (whole components: runs/1 selects runs/1/loss, but "
    "not runs/10), or a quoted pattern: * and ? within a component, ** for any number of components"
)
RUNS_CODE = "The values of a pkl store run code when they are read."


class CommandParser(argparse.ArgumentParser):
    """Accepts positional arguments behind options too: ``put STORE KEY --text VALUE``."""

    _is_inside = False

    def parse_known_args(self, *args: Any, **kwargs: Any) -> Any:
        """Parse intermixed arguments, which calls this method again."""
        if self._is_inside or self._subparsers is not None:
            return super().parse_known_args(*args, **kwargs)
        self._shorten_usage()  # argparse changes the arguments while it parses
        self._is_inside = True
        try:
            return self.parse_known_intermixed_args(*args, **kwargs)
        finally:
            self._is_inside = False

    def error(self, message: str) -> NoReturn:
        """Print the usage and an error, which suggests the command or value that is meant."""
        if match := re.search(r"invalid choice: '(.+?)' \(choose from (.+)\)", message):
            from difflib import get_close_matches  # not needed by those who make no mistake

            close = get_close_matches(match[1], re.findall(r"[\w-]+", match[2]), 1)
            message += f"; did you mean {close[0]!r}?" if close else ""
        super().error(message)

    def _shorten_usage(self) -> None:
        """Show only the positional arguments in the usage line."""
        forms: dict[Any, str] = {"?": "[{}]", "+": "{} ...", None: "{}"}
        shown = [
            forms[action.nargs].format(action.metavar or "{" + ",".join(action.choices or ()) + "}")
            for action in self._get_positional_actions()
        ]
        self.usage = " ".join(["%(prog)s [OPTIONS]", *shown])


def add_command(
    commands: Parsers,
    name: str,
    run: Command,
    summary: str,
    description: str,
    *,
    has_sizes: bool = False,
) -> CommandParser:
    """Add a command.

    Args:
        commands: Where to add it.
        name: What the user types.
        run: Called with the parsed options; returns the exit status.
        summary: A few words for the list of commands.
        description: Sentences for the command's own help.
        has_sizes: Give it the option ``-h``, which means help everywhere else.
    """
    parser = commands.add_parser(
        name, help=summary, description=description, add_help=not has_sizes
    )
    parser.set_defaults(run=run)
    if has_sizes:
        parser.add_argument("--help", action="help", help="show this help message and exit")
        parser.add_argument(
            "-h", "--human-readable", action="store_true", help="print sizes like 1.5K and 20M"
        )
    return parser


def add_store(parser: argparse.ArgumentParser, *, selection: bool = False) -> None:
    """Add the argument STORE and its options, and perhaps KEY for a selection of items."""
    parser.add_argument("store", metavar="STORE", help="path or URL, see persidict --help")
    if selection:
        parser.add_argument("selection", metavar="KEY", nargs="?", help=KEY_HELP)
    add_store_options(parser, "store")


def add_store_options(parser: argparse.ArgumentParser, name: str) -> None:
    """Add options for the constructor of a store; those of a target begin with ``--target-``."""
    dash = "--target-" if name == "target" else "--"
    group = parser.add_argument_group(f"options of {name.upper()}")

    def add(
        option: str, text: str, metavar: str | None = None, *, const: str | None = None
    ) -> None:
        dest = f"{name}_{option.removeprefix('no-').replace('-', '_')}"
        shown = dash + option
        if const is not None:
            group.add_argument(shown, dest=dest, action="store_const", const=const, help=text)
        else:
            group.add_argument(shown, dest=dest, metavar=metavar, help=text)

    add("format", "format of the values: pkl, json, txt, ...; by default, the format found", "NAME")
    add("digest-len", "length of the digests in names of files (default: 4)", "N")
    add("append-only", "refuse to change or delete items", const="true")
    add("no-durable", "don't flush writes to disk", const="false")
    add("no-object-tags", "JSON of plain data only, which runs no code", const="false")
    add("region", "region of the bucket", "NAME")
    add("endpoint-url", "address of an S3 server other than Amazon's", "URL")
    add("cache-dir", "cache values from S3 in this directory", "DIR")
    add("no-sign-request", "use S3 anonymously, without credentials", const="true")
    group.add_argument(
        f"{dash}param",
        dest=f"{name}_param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other parameter of the constructor; may be repeated",
    )
    add("signing-key-file", "file with the secret that signs the values", "FILE")


def add_json(parser: argparse.ArgumentParser, text: str = "print one JSON object per line") -> None:
    """Add the option ``--json``."""
    parser.add_argument("--json", action="store_true", help=text)


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Add the option of commands that show their progress."""
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress bar")
