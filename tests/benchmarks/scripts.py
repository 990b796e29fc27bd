"""What the scripts about S3 begin and end with: their options, credentials, table and verdict."""

from __future__ import annotations

import argparse
import os
from typing import Any

from tests.benchmarks.keeping import keep, machine, today


def options_of(description: str | None, quick: str) -> argparse.ArgumentParser:
    """Return a parser of the common options, and set credentials that every server here takes."""
    os.environ.update(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing")
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--save", action="store_true", help="keep figures and table in docs/")
    return parser


def conclude(
    name: str,
    text: str,
    missed: list[str],
    options: argparse.Namespace,
    kept_as: str,
    figures: Any,
    plot: str | None = None,
) -> int:
    """Print a table, keep it if asked to, and say which limits were missed.

    Args:
        name: The script's.
        text: The table, with what it is about.
        missed: A sentence for each limit that was missed.
        options: What the command line asked for.
        kept_as: What the files are called in which `--save` keeps it.
        figures: What the table shows, to keep as JSON.
        plot: A plot of them.

    Returns:
        The exit code: 1 if a limit was missed by a full run.
    """
    page = f"{today()}, {machine()}\n\n{text}"
    print(f"\n{page}\n")
    if options.save:
        keep(kept_as, figures, page, plot)
    print(f"{name}: {'MISSED: ' + '; '.join(missed) if missed else 'within its limits'}")
    return 1 if missed and not options.quick else 0
