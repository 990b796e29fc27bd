"""Processes that read through one cache while others write and some of them get killed.

What they find is kept in a mapped file, so that it survives SIGKILL: for each item the last value
that its writer knows to be stored (`stored`), and for each reader and item the last value that it
saw (`seen`). A read that began when a value was stored or seen must not return an older one.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import random
import signal
import time
from contextlib import closing

from persidict.core import ITEM_NOT_AVAILABLE
from persidict.s3 import BasicS3Dict, S3Dict

BUCKETS = ("torture-a", "torture-b")
KEYS = [*[("own", str(i)) for i in range(4)], ("shared", "x"), ("shared", "y")]
N_READERS, N_WRITERS = 4, 2
KILLED = 1 if os.name == "nt" else -signal.SIGKILL
# How much of each must have happened before the time is up, however slow the machine is.
ENOUGH = {"reads": 20, "writes": 20, "kills": 2}


def value_of(bucket, key, count):
    """A value that says what it is, of many sizes, and complete only if its end is there."""
    return {"bucket": bucket, "key": key, "count": count, "end": [count] * (count % 7 * 100)}


class Book:
    """The mapped file: counters that several processes read, and one at a time writes each."""

    ITEMS = len(BUCKETS) * len(KEYS)
    STORED = 0
    SEEN = ITEMS  # `ITEMS` for each reader
    READS = SEEN + N_READERS * ITEMS
    WRITES = READS + N_READERS
    KILLS = WRITES + N_WRITERS
    STOP = KILLS + 1
    SIZE = STOP + 1

    def __init__(self, path):
        path.touch()
        os.truncate(path, self.SIZE * 8)
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), self.SIZE * 8)
        self.cells = memoryview(self._map).cast("Q")

    def close(self):
        self.cells.release()
        self._map.close()

    def item(self, bucket, key):
        return BUCKETS.index(bucket) * len(KEYS) + KEYS.index(key)

    def is_enough(self):
        def least(first, n):
            return min(self.cells[first : first + n])

        return (
            least(self.READS, N_READERS) >= ENOUGH["reads"]
            and least(self.WRITES, N_WRITERS) >= ENOUGH["writes"]
            and self.cells[self.KILLS] >= ENOUGH["kills"]
        )


class Checker:
    """Judges what one reader reads; its memory is in the book, so that a restart keeps it."""

    def __init__(self, book, reader, report):
        self._cells = book.cells
        self._book = book
        self._reader = reader
        self._report = report

    def floors(self):
        """What may not be undercut by a read that begins now, for each item."""
        book, cells = self._book, self._cells
        first = book.SEEN + self._reader * book.ITEMS
        return [max(cells[i], cells[first + i]) for i in range(book.ITEMS)]

    def judge(self, bucket, key, value, floors):
        """Look at what a read of an item gave that began when the floors were these."""
        item = self._book.item(bucket, key)
        if not isinstance(value, dict) or value.keys() != value_of(bucket, key, 0).keys():
            self._report(f"no value of ours: {value!r}")
        elif (value["bucket"], value["key"]) != (bucket, key):
            self._report(f"foreign: {value['bucket']}{value['key']} for {bucket}{key}")
        elif value != value_of(bucket, key, value["count"]):
            self._report(f"damaged: {bucket}{key} {value['count']}")
        elif value["count"] < floors[item]:
            self._report(f"stale: {bucket}{key} {value['count']} after {floors[item]}")
        else:
            self._cells[self._book.SEEN + self._reader * self._book.ITEMS + item] = value["count"]
        self._cells[self._book.READS + self._reader] += 1


def read_all_ways(dicts, checker, dice):
    """Read once, in one of the ways there are."""
    bucket = dice.choice(BUCKETS)
    key = dice.choice(KEYS)
    d = dicts[bucket]
    floors = checker.floors()
    match dice.randrange(8):
        case 0:
            found = d.items()
        case 1:
            found = d.get_many(KEYS)
        case 2:
            found = [(key, v)] if (v := d.get_with_etag(key).new_value) is not _ABSENT else []
        case _:
            found = [(key, v)] if (v := d.get(key, _ABSENT)) is not _ABSENT else []
    for at, value in found:
        checker.judge(bucket, tuple(at), value, floors)


_ABSENT = ITEM_NOT_AVAILABLE


def read(reader, path, params, seed):
    """Read until told to stop, or killed."""
    dicts = {bucket: S3Dict(**params, bucket_name=bucket) for bucket in BUCKETS}
    dice = random.Random(seed)
    with closing(Book(path)) as book, (path.parent / "violations").open("ab", 0) as found:
        checker = Checker(book, reader, lambda text: found.write(f"{text}\n".encode()))
        while is_going_on(book):
            read_all_ways(dicts, checker, dice)


def write(writer, path, params, seed):
    """Write newer and newer values until told to stop; delete some in between."""
    params = {name: value for name, value in params.items() if name != "base_dir"}
    dicts = {bucket: BasicS3Dict(**params, bucket_name=bucket) for bucket in BUCKETS}
    dice = random.Random(seed)
    with closing(Book(path)) as book:
        own = [key for i, key in enumerate(KEYS) if key[0] == "own" and i % N_WRITERS == writer]
        shared = [key for key in KEYS if key[0] == "shared"]
        while is_going_on(book):
            bucket, key = dice.choice(BUCKETS), dice.choice(own + shared)
            d, item = dicts[bucket], book.item(bucket, key)
            if key in shared:

                def newer(old, bucket=bucket, key=key):
                    count = 0 if old is ITEM_NOT_AVAILABLE else old["count"]
                    return value_of(bucket, key, count + 1)

                done = d.transform_item(key, transformer=newer, n_retries=None)
                book.cells[item] = done.new_value["count"]
            else:
                if dice.random() < 0.2:
                    d.discard(key)
                d[key] = value_of(bucket, key, book.cells[item] + 1)
                book.cells[item] += 1
            book.cells[book.WRITES + writer] += 1


def kill_and_restart(path, params, seed):
    """Keep the readers running, and kill now one, now another in the midst of what it does."""
    dice = random.Random(seed)
    # Forked, a new reader is there at once; this process has neither threads nor clients.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in methods else "spawn")

    def start(reader):
        process = context.Process(target=read, args=(reader, path, params, dice.random()))
        process.start()
        return process

    with closing(Book(path)) as book:
        readers = [start(reader) for reader in range(N_READERS)]
        try:
            while is_going_on(book):
                reader = dice.randrange(N_READERS)
                until = book.cells[book.READS + reader] + dice.randint(1, 60)
                pause = dice.random() / 100  # so that it happens anywhere, not only after a read
                while is_going_on(book) and book.cells[book.READS + reader] < until:
                    readers[reader].join(0.001)
                    assert readers[reader].exitcode in (None, 0)
                time.sleep(pause)
                readers[reader].kill()
                readers[reader].join()
                assert readers[reader].exitcode in (0, KILLED)
                book.cells[book.KILLS] += 1
                readers[reader] = start(reader)
        finally:
            book.cells[book.STOP] = 1
            for process in readers:
                process.join()
    assert all(process.exitcode == 0 for process in readers)


def is_going_on(book):
    parent = multiprocessing.parent_process()
    return not book.cells[book.STOP] and (parent is None or parent.is_alive())


def torture(path, params, seconds, seed):
    """Run it all for so many seconds; return the violations and the book's figures."""
    dice = random.Random(seed)
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=write, args=(writer, path, params, dice.random()))
        for writer in range(N_WRITERS)
    ]
    processes.append(context.Process(target=kill_and_restart, args=(path, params, dice.random())))
    with closing(Book(path)) as book:
        for process in processes:
            process.start()
        try:
            # The clock starts when all of them are at work.
            end = None
            while end is None or time.monotonic() < end or not book.is_enough():
                if end is None and book.cells[book.KILLS]:
                    end = time.monotonic() + seconds
                for process in processes:
                    process.join(0.05 / len(processes))
                if dead := [process.exitcode for process in processes if process.exitcode]:
                    raise AssertionError(f"processes ended with {dead}")
        finally:
            book.cells[book.STOP] = 1
            for process in processes:
                process.join()
        figures = {
            "reads": sum(book.cells[book.READS : book.READS + N_READERS]),
            "writes": sum(book.cells[book.WRITES : book.WRITES + N_WRITERS]),
            "kills": book.cells[book.KILLS],
        }
    assert all(process.exitcode == 0 for process in processes)
    violations = path.parent / "violations"
    return violations.read_text().splitlines() if violations.exists() else [], figures
