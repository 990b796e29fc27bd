#!/usr/bin/env python
"""Index the standard library of the running Python into one store, from several processes.

Every module becomes one item, under its dotted name as a hierarchical key; all workers add what
they find to one item of totals by compare-and-swap (`transform_item`). Kill the program at any
moment, by SIGKILL too, and start it again: it goes on where it was.

What is in the store, below ``stdlib/<implementation>-<version>``:

=====================  ====================================================================
``plan``               the list of all modules, written once (insert-if-absent)
``modules/json/tool``  size, lines, imports, functions and classes of the module `json.tool`
``totals``             the sums over all modules, and which modules they contain
=====================  ====================================================================

Why the totals are exact. A module's item and the totals are two keys, and no transaction spans
two keys: a worker may be killed after it wrote the one and before it wrote the other. So the
totals themselves say what they contain: ``counted`` has one bit for each position in the plan.
Sums and bit are written by the same compare-and-swap, so they can't disagree. The order is:

1. Insert the module's item if it is absent. Killed before this, nothing has happened.
2. Unless its bit is set: add the item to the sums and set the bit, in one write. Killed between
   1 and 2, the next start finds the item without its bit, and does 2 with what is stored.

Neither step does anything the second time, so it doesn't even matter whether workers of a killed
run are still at it when the next run starts.

With ``--seaweedfs`` the store is on S3: on a server of the demo's own, which it starts on this
machine alone and throws away at the end.
"""

from __future__ import annotations

import argparse
import ast
import multiprocessing
import os
import signal
import sys
import sysconfig
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, quote, urlsplit

import seaweedfs

from persidict import ITEM_NOT_AVAILABLE, KEEP_CURRENT, PersiDict, encode_key_component

FIELDS = ("size", "lines", "imports", "functions", "classes")
PYTHON = f"{sys.implementation.name}-{sys.version.split()[0]}"
# Not in the common temporary directory: others could put pickles there for us to read.
DEFAULT_STORE = Path(__file__).resolve().parents[1] / "build" / "demo-store"
PROGRESS_INTERVAL = 0.5


def open_store(place: str, serialization_format: str) -> PersiDict[Any]:
    """Open a directory, or ``s3://bucket/prefix?endpoint_url=...`` (other parameters likewise).

    With ``base_dir`` among the parameters, S3 is cached in that directory.
    """
    if not place.startswith("s3://"):
        from persidict import FileDirDict

        return FileDirDict(base_dir=place, serialization_format=serialization_format)
    from persidict import BasicS3Dict, S3Dict

    url = urlsplit(place)
    parameters: dict[str, Any] = dict(parse_qsl(url.query, strict_parsing=bool(url.query)))
    return (S3Dict if "base_dir" in parameters else BasicS3Dict)(
        bucket_name=url.netloc,
        root_prefix=url.path.lstrip("/"),
        serialization_format=serialization_format,
        **parameters,
    )


class Index:
    """The part of the store that belongs to this Python."""

    def __init__(self, store: PersiDict[Any]) -> None:
        self.root = store.get_subdict(("stdlib", encode_key_component(PYTHON)))
        self.modules = self.root.get_subdict("modules")

    def plan(self) -> list[str]:
        """Return the names of all modules, in the order that the bits of the totals refer to."""
        if (plan := self.root.get("plan")) is None:
            plan = self.root.setdefault("plan", sorted(module_files()))
        return list(plan)

    def totals(self) -> dict[str, Any]:
        """Return the totals as they are now."""
        empty = {"counted": "0", "conflicts": 0, **dict.fromkeys(FIELDS, 0)}
        return dict(self.root.get("totals", empty))

    def counted(self) -> int:
        """Return the set of modules in the totals, as the bits of a number."""
        return int(self.totals()["counted"], 16)

    def add_module(self, name: str, path: Path) -> dict[str, Any]:
        """Store what is known of a module, unless it is stored; return the stored item."""
        key = [encode_key_component(part) for part in name.split(".")]
        if (stored := self.modules.get(key)) is not None:
            return dict(stored)
        return dict(self.modules.setdefault(key, describe(path)))

    def count_in(self, position: int, item: dict[str, Any]) -> None:
        """Add a module to the totals, unless it is in them."""
        attempts = 0

        def add(totals: Any) -> Any:
            nonlocal attempts
            attempts += 1
            if totals is ITEM_NOT_AVAILABLE:
                totals = self.totals()
            counted = int(totals["counted"], 16)
            if counted >> position & 1:
                return KEEP_CURRENT
            sums = {field: totals[field] + amount(item, field) for field in FIELDS}
            conflicts = totals["conflicts"] + attempts - 1
            return {"counted": f"{counted | 1 << position:x}", "conflicts": conflicts, **sums}

        self.root.transform_item("totals", transformer=add, n_retries=None)


def module_files() -> dict[str, Path]:
    """Return the source file of every module of the standard library, by dotted name."""
    home = Path(sysconfig.get_path("stdlib"))
    found = {}
    for path in home.rglob("*.py"):
        parts = path.relative_to(home).with_suffix("").parts
        if parts[0] in ("site-packages", "dist-packages") or any("." in part for part in parts):
            continue
        found[".".join(parts[:-1] if parts[-1] == "__init__" and parts[1:] else parts)] = path
    return found


def describe(path: Path) -> dict[str, Any]:
    """Return what the index keeps of a module."""
    source = path.read_bytes()
    item: dict[str, Any] = {"size": len(source), "lines": len(source.splitlines())}
    item.update(imports=[], functions=0, classes=0)
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        # The tests of the parser itself are meant to be wrong.
        return {**item, "error": f"{type(error).__name__}: {error}"}
    imports: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imports.add(node.module)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            item["functions"] += 1
        elif isinstance(node, ast.ClassDef):
            item["classes"] += 1
    return {**item, "imports": sorted(imports)}


def amount(item: dict[str, Any], field: str) -> int:
    """Return what an item adds to a sum."""
    return len(item[field]) if field == "imports" else int(item[field])


def work(place: str, serialization_format: str, share: list[int]) -> None:
    """Index the modules at these positions of the plan; end when the main process has died."""
    warnings.simplefilter("ignore")  # that old modules get from the parser
    index = Index(open_store(place, serialization_format))
    plan, files = index.plan(), module_files()
    parent = multiprocessing.parent_process()
    for position in share:
        if parent is not None and not parent.is_alive():
            return
        index.count_in(position, index.add_module(plan[position], files[plan[position]]))


def run_workers(arguments: argparse.Namespace, index: Index, todo: list[int]) -> list[int]:
    """Let the workers index what is to do, show the progress, and return their exit codes."""
    context = multiprocessing.get_context("spawn")
    count = min(arguments.workers, len(todo))
    shares = [todo[number::count] for number in range(count)]
    workers = [
        context.Process(target=work, args=(arguments.store, arguments.format, share))
        for share in shares
    ]
    wanted = sum(1 << position for position in todo)
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            while worker.is_alive():
                worker.join(PROGRESS_INTERVAL)
                done = (index.counted() & wanted).bit_count()
                print(f"  {done:5} of {len(todo)} modules, {done / len(todo):4.0%}", flush=True)
    finally:
        for worker in workers:
            if worker.pid is not None:
                worker.terminate()  # after Ctrl-C; those that have ended don't mind
                worker.join()
    return [worker.exitcode or 0 for worker in workers]


def check_totals(plan: list[str], items: dict[str, dict[str, Any]], totals: dict[str, Any]) -> str:
    """Compare the totals with the items; say what differs, nothing if they agree."""
    counted = int(totals["counted"], 16)
    names = {name for position, name in enumerate(plan) if counted >> position & 1}
    if names != set(items):
        return f"items and counted modules differ: {sorted(names ^ set(items))[:5]}"
    for field in FIELDS:
        total = sum(amount(item, field) for item in items.values())
        if total != totals[field]:
            return f"{field}: the totals say {totals[field]}, the items {total}"
    return ""


def summary(items: dict[str, dict[str, Any]], totals: dict[str, Any]) -> str:
    """Describe what is in the index."""
    largest = sorted(items, key=lambda name: items[name]["lines"], reverse=True)[:5]
    imported = Counter(name for item in items.values() for name in item["imports"])
    unreadable = sum("error" in item for item in items.values())
    sums = ", ".join(f"{field} {totals[field]:,}" for field in FIELDS)
    return "\n".join(
        [
            f"modules        {len(items):,} ({unreadable} that Python refuses on purpose)",
            f"totals         {sums}",
            "largest        " + ", ".join(f"{name} ({items[name]['lines']:,})" for name in largest),
            "most imported  " + ", ".join(f"{n} ({c:,})" for n, c in imported.most_common(5)),
        ]
    )


def main() -> int:
    """Read the command line, and run the demo on the store that it names."""
    parser = argparse.ArgumentParser(description="Index the standard library into one store.")
    parser.add_argument("--store", default=str(DEFAULT_STORE), help="a directory, or s3://...")
    parser.add_argument(
        "--seaweedfs",
        action="store_true",
        help=f"store on S3, on a server that is started for it ({seaweedfs.INSTALL})",
    )
    parser.add_argument("--format", default="pkl", choices=["pkl", "json"])
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--limit", type=int, help="index only so many modules")
    parser.add_argument("--fresh", action="store_true", help="delete the index first")
    arguments = parser.parse_args()
    if arguments.workers < 1:
        parser.error("--workers must be at least 1")
    if not arguments.seaweedfs:
        return run(arguments)
    if arguments.store != str(DEFAULT_STORE):
        parser.error("--seaweedfs has a store of its own; leave out --store")
    try:
        with seaweedfs.SeaweedFS() as server:
            os.environ.update(seaweedfs.CREDENTIALS)
            arguments.store = f"s3://demo/index?endpoint_url={quote(server.url, safe='')}"
            return run(arguments)
    except seaweedfs.NotInstalledError as error:
        print(f"demo: FAILED: {error}")
        return 1


def run(arguments: argparse.Namespace) -> int:
    """Index what is not indexed yet, check the totals, and say what happened."""
    index = Index(open_store(arguments.store, arguments.format))
    if arguments.fresh:
        index.root.clear()
    plan = index.plan()
    counted, before = index.counted(), index.totals()["conflicts"]
    wanted = range(len(plan))[: arguments.limit]
    todo = [position for position in wanted if not counted >> position & 1]
    print(f"{PYTHON}: {len(wanted)} modules, of which {len(wanted) - len(todo)} are stored")
    print(f"store: {arguments.store} ({arguments.format})")

    start = time.perf_counter()
    codes = run_workers(arguments, index, todo) if todo else []
    seconds = time.perf_counter() - start
    if any(codes):
        print(f"demo: FAILED: workers ended with {codes}; start again to go on")
        return 1

    totals = index.totals()
    names = {tuple(encode_key_component(p) for p in name.split(".")): name for name in plan}
    items = {names[tuple(key)]: item for key, item in index.modules.items()}
    if difference := check_totals(plan, items, totals):
        print(f"demo: FAILED: {difference}")
        return 1
    print(summary(items, totals))
    print(
        f"demo: OK, indexed {len(todo)} modules, {len(wanted) - len(todo)} were already stored; "
        f"totals equal the sum over {len(items)} items; {seconds:.1f} s, "
        f"{len(todo) / seconds if todo else 0:.0f} items/s, "
        f"{totals['conflicts'] - before} conflicts retried"
    )
    return 0


def interrupt(*_: object) -> NoReturn:
    """End as Ctrl-C does, so that what was started gets stopped."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("demo: interrupted")
        sys.exit(130)
