"""Connections: a client per settings and process, and facts about the server behind it.

If an answer contradicts these facts, the dict updates them, once, and repeats the request.
"""

from __future__ import annotations

import os
import weakref
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, NoCredentialsError, PartialCredentialsError

from persidict.core.errors import BackendError
from persidict.core.forks import new_lock
from persidict.core.log import debug
from persidict.s3.attempts import observe
from persidict.s3.capabilities import Capabilities, forget_endpoint, known_of
from persidict.s3.client import (
    Settings,
    current_credentials,
    environment_digest,
    is_aws,
    make_client,
)
from persidict.s3.errors import code_of, status_of
from persidict.s3.write_ids import WriteIds

_ABOUT_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        # Answers to HEAD have no code.
        "400",
        "403",
    }
)


class Connection:
    """A connection to a server: its client, and the facts from its last answers.

    Attributes:
        ready: The client of this process, None if there is none yet; see `client`.
        generation: Grows whenever the client is replaced.
        credentials: What the client signs with, None: nothing.
        is_aws: Whether the server is Amazon's own; known once there is a client.
        known: What the server enforces, by bucket; see `persidict.s3.capabilities`.
        write_ids: The versions that were seen last.
    """

    def __init__(self, settings: Settings | None, client: Any = None) -> None:
        self._settings = settings
        self.credentials: Any = None
        self._environment = ""
        self._lock = new_lock()
        self.ready: Any = None
        self.generation = 0
        self.is_aws = False
        self.known: dict[str, Capabilities] = {}
        self.write_ids = WriteIds()
        _connections.add(self)
        if client is not None:
            self._use(client)

    def client(self) -> Any:
        """Return the client of this process; connections are never shared over a fork."""
        with self._lock:
            if self.ready is None:
                if self._settings is None:
                    raise BackendError(
                        "the client given to this dict was created before the process forked and "
                        "can't be used here; construct the dict again with a client of this "
                        "process",
                        backend="BasicS3Dict",
                        operation="connect",
                    )
                self._replace_client(self._settings)
            return self.ready

    def permits_other_transports(self) -> bool:
        """Tell whether requests may bypass boto3: the user passed neither `client` nor `config`."""
        return self._settings is not None and self._settings.config is None

    def is_anonymous(self) -> bool:
        """Tell whether requests carry no credentials."""
        return self._settings is not None and self._settings.anonymous

    def endpoint(self) -> str:
        """Return the address of the server."""
        return str((self.ready or self.client()).meta.endpoint_url)

    def shown_endpoint(self) -> str:
        """Return the address for messages, also where no client can be created."""
        if self.ready is not None:
            return self.endpoint()
        given = self._settings and self._settings.endpoint_url
        return given or os.environ.get("AWS_ENDPOINT_URL") or "the default endpoint of AWS"

    def renew_credentials(self, error: Exception, generation: int) -> bool:
        """Replace the client if its credentials are refused and others are configured by now.

        Args:
            error: What the request that failed raised.
            generation: What it was when the request was sent.

        Returns:
            Whether it is worth sending the request again.
        """
        settings = self._settings
        if settings is None or not _is_about_credentials(error):
            return False
        if self.generation == generation and not self._may_have_changed(error):
            return False
        with self._lock:
            if self.generation != generation:
                return True  # another thread has replaced the client meanwhile
            if _frozen(current_credentials(settings)) == _frozen(self.credentials):
                return False
            debug("persidict.s3", "the credentials have changed: using the new ones")
            self._replace_client(settings)
        with _registry_lock:
            # Dicts to come look for a connection of what the environment is then.
            digest, known = _registry.get(settings, ("", None))
            if known is self and digest != environment_digest():
                del _registry[settings]
        return True

    def _may_have_changed(self, error: Exception) -> bool:
        # Reading credentials takes long, and an answer without a code may be about anything.
        return not code_of(error).isdigit() or self._environment != environment_digest()

    def _replace_client(self, settings: Settings) -> None:
        self._environment = environment_digest()
        client, self.credentials = make_client(settings)
        self._use(client)

    def _use(self, client: Any) -> None:
        endpoint = str(client.meta.endpoint_url)
        observe(client, partial(forget_endpoint, endpoint))
        self.is_aws = is_aws(endpoint)
        self.known = known_of(endpoint)
        self.ready = client
        self.generation += 1


_connections: weakref.WeakSet[Connection] = weakref.WeakSet()


def _drop_clients() -> None:
    for connection in list(_connections):
        connection.ready = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drop_clients)

_registry: dict[Settings, tuple[str, Connection]] = {}
_registry_lock = new_lock()


def connection_for(settings: Settings, client: Any = None) -> Connection:
    """Return the connection that all dicts with these settings share, or one for `client`.

    A change of the environment, or of the files in ``~/.aws``, begins a new one.
    """
    if client is not None:
        return Connection(None, client)
    digest = environment_digest()
    with _registry_lock:
        known_digest, known = _registry.get(settings, ("", None))
        if known is None or known_digest != digest:
            known = Connection(settings)
            _registry[settings] = digest, known
        return known


def _is_about_credentials(error: Exception) -> bool:
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return True
    return code_of(error) in _ABOUT_CREDENTIALS and status_of(error) in (400, 401, 403)


def _frozen(credentials: Any) -> Any:
    try:
        return credentials and credentials.get_frozen_credentials()
    except BotoCoreError:
        return None
