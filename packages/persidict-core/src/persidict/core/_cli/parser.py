"""The command line ``persidict``: its entry point, its help and its exit statuses."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from functools import partial

from persidict.core._cli.arguments import CommandParser
from persidict.core._cli.output import (
    BROKEN_PIPE,
    FAILURE,
    INTERRUPTED,
    NEGATIVE,
    USAGE,
    CommandFailed,
    one_line,
)
from persidict.core._version import __version__
from persidict.core.errors import (
    BackendError,
    DecodingError,
    EncodingError,
    MutationPolicyError,
)

_DESCRIPTION = "Inspect and change persidict stores in files and on S3."
_EPILOG = """\
stores:
  ./data, /full/path                a directory (FileDirDict)
  file:///path?format=json          the same as a URL, percent-encoded
  s3://bucket/prefix?region=...     a bucket on S3 or a compatible server
                                    (endpoint_url=http://...; needs persidict-s3)
  Constructor arguments follow the ?, separated by &: quote them for the shell.
  You can also give them as options, such as --format json and --endpoint-url URL.
  Without a format, persidict uses the format of the items that it finds, or pkl.

keys:
  components separated by slashes: runs/2026/loss
  A prefix matches whole components only: runs/1 selects runs/1 and runs/1/loss, not runs/10.
  A pattern, in quotes, matches whole keys: 'runs/*/loss', 'runs/**', '**/loss'.

exit status:
  0 success   1 not found, damaged, different, or rejected by a condition or policy
  2 wrong usage   3 the store failed or is not installed   130 interrupted by Ctrl-C

Reading a value of a pkl store runs code that it contains. Use get, mv, verify, cp, sync, diff
and export only on stores that you trust. ls, stat, du, rm and watch never read values.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; print errors as one line to standard error.

    Args:
        arguments: The arguments after the program's name; None: those of this process.

    Returns:
        The exit status: 0 success; 1 not found, damaged, different or rejected; 2 wrong usage;
        3 the store failed; 130 interrupted; 141 the reader of the output has gone away.
    """
    debug = False
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a program can have put its own there
                stream.reconfigure(errors="backslashreplace")
        options = _parser().parse_args(arguments)
        debug = options.debug
        code: int = options.run(options)
        sys.stdout.flush()
    except SystemExit as end:  # argparse has printed help or an error
        return end.code if isinstance(end.code, int) else USAGE
    except BrokenPipeError:
        # Python flushes standard output once more at its end.
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
    if isinstance(error, (CommandFailed, DecodingError, EncodingError, MutationPolicyError)):
        return NEGATIVE
    if isinstance(error, (BackendError, ImportError, OSError)):
        return FAILURE
    return USAGE if isinstance(error, (TypeError, ValueError)) else FAILURE


def _no_command(parser: argparse.ArgumentParser, _: argparse.Namespace) -> int:
    parser.print_help(sys.stderr)
    return USAGE


def _parser() -> argparse.ArgumentParser:
    # Loaded here so that Ctrl-C during the start ends like Ctrl-C later on.
    from persidict.core._cli import (
        changing,
        completion,
        copying,
        json_lines,
        listing,
        reading,
        watching,
    )

    parser = CommandParser(
        prog="persidict",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"persidict {__version__}")
    parser.add_argument("--debug", action="store_true", help="show a traceback for errors")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", parser_class=CommandParser
    )
    parser.set_defaults(run=partial(_no_command, parser))
    for module in (listing, reading, changing, copying, json_lines, watching, completion):
        module.add_to(commands)
    return parser
