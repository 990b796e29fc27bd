"""The dicts under test: the variable STORE says where they keep their items."""

import functools
import os
import tempfile
import uuid

from persidict import BasicS3Dict, FileDirDict, LocalBackend, LocalDict

STORE = os.environ["STORE"]


def new_store():
    """Return an empty dict."""
    return store_at(uuid.uuid4().hex)


@functools.cache
def store_at(name):
    """Return the dict of this name; every call gets the same one."""
    if STORE == "memory":
        return LocalDict(backend=LocalBackend())
    if STORE == "file":
        return FileDirDict(os.path.join(_directory(), name), durable=False)
    return BasicS3Dict("suites", root_prefix=name, endpoint_url=_server())


@functools.cache
def _directory():
    return tempfile.mkdtemp()


@functools.cache
def _server():
    from moto.server import ThreadedMotoServer

    os.environ |= dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "testing")
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"
