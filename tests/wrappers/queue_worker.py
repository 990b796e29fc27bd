"""A worker of a queue in a directory: it writes down each attempt, and works until it is killed."""

import os
import sys
from pathlib import Path

from persidict.file import FileDirDict
from persidict.wrappers import Queue

directory, log = sys.argv[1:]
queue = Queue(
    FileDirDict(base_dir=directory, durable=False), "jobs", visibility=0.5, max_attempts=1000
)
print("ready", flush=True)
while True:
    with queue.get() as task:
        Path(log, f"{task.number}-{task.attempt}-{os.getpid()}").touch()
        task.done((task.value * 2, os.getpid()))
