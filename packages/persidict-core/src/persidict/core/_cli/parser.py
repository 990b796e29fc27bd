"""The command line ``persidict``: what can be said, and how it ends."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, TypeAlias

from persidict.core._cli import commands
from persidict.core._cli.output import Refusal, one_line
from persidict.core._version import __version__
from persidict.core.errors import (
    BackendError,
    DecodingError,
    EncodingError,
    MutationPolicyError,
)

NEGATIVE, USAGE, FAILURE, INTERRUPTED, BROKEN_PIPE = 1, 2, 3, 130, 141

_DESCRIPTION = "Look at and change stores of persidict, wherever they are."
_EPILOG = """\
stores:
  ./data, /full/path                a directory (FileDirDict)
  file:///path?format=json          the same as a URL, percent-encoded
  s3://bucket/prefix?region=...     a bucket on S3 or a compatible server
                                    (endpoint_url=http://...; needs persidict-s3)
  What follows the ? are constructor arguments, separated by &: quote it for the shell.
  Without format=, values are pickles (pkl).

keys:
  components with a slash between them: runs/2026/loss

exit codes:
  0 done   1 not found, damaged, or refused by a condition or policy   2 wrong usage
  3 the store failed or is not installed   130 interrupted

Reading the values of a pkl store runs code that is in them: use get, verify, cp and sync on
stores that you trust only. ls, stat, rm and watch never read values.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code; errors are one line on stderr.

    Args:
        arguments: What follows the program's name; None: of this process.

    Returns:
        0 done; 1 not found, damaged or refused; 2 wrong usage; 3 the store failed; 130
        interrupted; 141 nobody reads the output any more.
    """
    debug = False
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # not if a program has put its own there
                stream.reconfigure(errors="backslashreplace")
        options = _parser().parse_args(arguments)
        debug = options.debug
        code: int = options.run(options)
        sys.stdout.flush()
    except SystemExit as end:  # argparse has said what there is to say
        return end.code if isinstance(end.code, int) else USAGE
    except BrokenPipeError:
        # Python flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        sys.stderr.write("persidict: interrupted\n")
        return INTERRUPTED
    except Exception as error:
        if debug:
            raise
        sys.stderr.write(f"persidict: {one_line(error)}\n")
        return _code(error)
    return code


def _code(error: Exception) -> int:
    if isinstance(error, (Refusal, DecodingError, EncodingError, MutationPolicyError)):
        return NEGATIVE
    if isinstance(error, (BackendError, ImportError, OSError)):
        return FAILURE
    return USAGE if isinstance(error, (TypeError, ValueError)) else FAILURE


class _CommandParser(argparse.ArgumentParser):
    """Finds an optional argument also behind options: ``put STORE KEY --text VALUE``."""

    _is_inside = False

    def parse_known_args(self, *args: Any, **kwargs: Any) -> Any:
        if self._is_inside:
            return super().parse_known_args(*args, **kwargs)
        self._is_inside = True
        try:
            return self.parse_known_intermixed_args(*args, **kwargs)
        finally:
            self._is_inside = False


_Commands: TypeAlias = "argparse._SubParsersAction[_CommandParser]"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="persidict",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"persidict {__version__}")
    parser.add_argument("--debug", action="store_true", help="show where an error came up")
    subparsers = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=_CommandParser
    )
    _add_reading(subparsers)
    _add_changing(subparsers)
    _add_copying(subparsers)
    return parser


def _add_reading(subparsers: _Commands) -> None:
    ls = subparsers.add_parser("ls", help="list keys", description="List keys, in no order.")
    ls.set_defaults(run=commands.ls)
    _store(ls, prefix=True)
    ls.add_argument("-l", "--long", action="store_true", help="also time, bytes and ETag")
    ls.add_argument("--json", action="store_true", help="one JSON object per line")

    get = subparsers.add_parser(
        "get",
        help="print a value",
        description="Print a value: text as it is, what JSON has as JSON, bytes and other objects "
        "as Python shows them. A pkl store's values run code when they are read.",
    )
    get.set_defaults(run=commands.get)
    _store(get)
    get.add_argument("key", metavar="KEY")
    form = get.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON in one line, text in quotes")
    form.add_argument("--raw", action="store_true", help="text and bytes exactly as they are")
    get.add_argument("-o", "--output", metavar="FILE", help="write to a file")

    stat = subparsers.add_parser(
        "stat",
        help="count items and bytes",
        description="Show number and size of the items, formats, the oldest and the newest item.",
    )
    stat.set_defaults(run=commands.stat)
    _store(stat, prefix=True)
    stat.add_argument("--json", action="store_true", help="one JSON object")

    verify = subparsers.add_parser(
        "verify",
        help="read every item",
        description="Read and decode every item and report those that are damaged (exit code 1). "
        "A pkl store's values run code when they are read.",
    )
    verify.set_defaults(run=commands.verify)
    _store(verify, prefix=True)
    _long_work(verify)

    watch = subparsers.add_parser(
        "watch",
        help="report changes",
        description="Report new (+), changed (~) and deleted (-) items until Ctrl-C. Keys and "
        "ETags of all items are held in memory; an item that changes several times between "
        "two looks is reported once.",
    )
    watch.set_defaults(run=commands.watch)
    _store(watch, prefix=True)
    watch.add_argument(
        "--interval",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="how long to wait between two looks (%(default)s)",
    )
    watch.add_argument("--json", action="store_true", help="one JSON object per line")


def _add_changing(subparsers: _Commands) -> None:
    put = subparsers.add_parser(
        "put",
        help="write a value",
        description="Write a value: JSON by default (text in quotes), text for stores of text. It "
        "comes from the argument, a file, or standard input.",
    )
    put.set_defaults(run=commands.put)
    _store(put)
    put.add_argument("key", metavar="KEY")
    put.add_argument("value", metavar="VALUE", nargs="?", help="without it, standard input")
    put.add_argument("--file", metavar="FILE", help="read the value from a file")
    kind = put.add_mutually_exclusive_group()
    kind.add_argument("--text", action="store_true", help="it is text, not JSON")
    kind.add_argument("--bytes", action="store_true", help="it is bytes, not JSON")
    condition = put.add_mutually_exclusive_group()
    condition.add_argument("--if-absent", action="store_true", help="only if there is no item")
    condition.add_argument("--if-etag", metavar="ETAG", help="only over this version")
    put.add_argument("--json", action="store_true", help="print key and new ETag as JSON")

    rm = subparsers.add_parser("rm", help="delete items", description="Delete items.")
    rm.set_defaults(run=commands.rm)
    _store(rm)
    rm.add_argument("keys", metavar="KEY", nargs="+")
    rm.add_argument(
        "-r", "--recursive", action="store_true", help="also all items whose keys begin with it"
    )
    rm.add_argument("--if-etag", metavar="ETAG", help="only this version (one key)")


def _add_copying(subparsers: _Commands) -> None:
    rule = (
        "An item of the target that is newer is left alone, and so is one that somebody changes "
        "meanwhile (a conflict: exit code 1). Started again after an interruption, it goes on "
        "where it stopped. Values are decoded and encoded: a pkl source runs code."
    )
    cp = subparsers.add_parser(
        "cp", help="copy a store", description=f"Copy all items to another store. {rule}"
    )
    sync = subparsers.add_parser(
        "sync",
        help="make a store like another",
        description=f"Copy all items to another store and delete there what is not here. {rule}",
    )
    sync.add_argument(
        "--allow-empty", action="store_true", help="also if the source has no items at all"
    )
    for parser, run in ((cp, commands.cp), (sync, commands.sync)):
        parser.set_defaults(run=run)
        _store(parser, "source", "SOURCE")
        parser.add_argument("target", metavar="TARGET", help="URL or path of the other store")
        parser.add_argument(
            "--target-signing-key-file", metavar="FILE", help="the same for the target"
        )
        parser.add_argument(
            "--prefix", metavar="PREFIX", help="only the items whose keys begin with this"
        )
        parser.add_argument("-n", "--dry-run", action="store_true", help="change nothing")
        parser.add_argument(
            "--compare",
            action="store_true",
            help="compare values where the target's is newer, to tell changes from copies",
        )
        parser.add_argument(
            "-v", "--verbose", action="store_true", help="report every item that is not unchanged"
        )
        _long_work(parser)


def _store(
    parser: argparse.ArgumentParser,
    name: str = "store",
    shown: str = "STORE",
    *,
    prefix: bool = False,
) -> None:
    parser.add_argument(name, metavar=shown, help="URL or path, see persidict --help")
    if prefix:
        parser.add_argument(
            "prefix", metavar="PREFIX", nargs="?", help="only items whose keys begin with this"
        )
    parser.add_argument(
        "--signing-key-file",
        metavar="FILE",
        help="holds the secret with which the store's values are signed; a final line end is not "
        "part of it",
    )


def _long_work(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--json", action="store_true", help="the outcome as one JSON object")
