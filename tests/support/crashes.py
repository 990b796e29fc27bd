"""Processes that are killed while they write, and what may be found after that."""

import os
import signal

KEYS = ["a", ("b", "c"), ("b", "d"), ("e", "f", "g"), "h"]


def fork(work):
    """Do the work in a process of its own and return its id; it exits with 0 if all went well."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def killed(child):
    """Wait for a process, and tell whether a signal ended it."""
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


def plan_of(generator, count):
    """Draw operations: keys with the values that they get, None for a deletion."""
    plan = []
    for step in range(count):
        key = generator.choice(KEYS)
        size = int(10 ** generator.uniform(0, 5.3))
        value = [step, generator.randbytes(size)] if generator.random() < 0.8 else None
        plan.append((key, value))
    return plan


def apply(d, key, value):
    if value is None:
        d.discard(key)
    else:
        d[key] = value


def contents_after(contents, plan):
    """Return what the dict holds after the plan."""
    after = dict(contents)
    for key, value in plan:
        full = (key,) if isinstance(key, str) else key
        after.pop(full, None)
        if value is not None:
            after[full] = value
    return after
