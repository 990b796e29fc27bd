"""Records the outcomes of a request's attempts, because botocore itself resends requests.

The state is kept per thread: nothing in botocore's events links an observer to the sender, but both
run in the same thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from persidict.core.errors import raise_if_from_handler
from persidict.s3.errors import redirect_of

SILENT_ATTEMPTS = 2
"""Attempts at a server that never answers; each costs the whole time limit."""

# Where a request counts the attempts that were never answered.
_SILENCES = "persidict-silences"
# Codes of 503 with which S3 says that it did nothing.
_TURNED_AWAY = frozenset({"SlowDown", "ServiceUnavailable", "RequestLimitExceeded", "Throttling"})


class _State(threading.local):
    in_doubt = False
    may_resend = True
    earlier_silences = 0


_state = _State()


@contextmanager
def never_repeated() -> Iterator[None]:
    """Forbid resending this thread's request if the server may have carried out an attempt."""
    _state.may_resend = False
    try:
        yield
    finally:
        _state.may_resend = True


@contextmanager
def silent_before(attempts: int) -> Iterator[None]:
    """Count attempts by others at which the server was silent."""
    _state.earlier_silences = attempts
    try:
        yield
    finally:
        _state.earlier_silences = 0


def note_doubt() -> None:
    """Remember that the server may have carried out an attempt by others."""
    _state.in_doubt = True


def was_in_doubt() -> bool:
    """Tell whether the server may have carried out an attempt of this thread's last request."""
    return _state.in_doubt


def raise_from_handler(error: BaseException | None) -> None:
    """Raise the exception of a signal handler that botocore took for an error of the connection.

    botocore catches every exception that arrives while it waits for the server, and sends the
    request again.
    """
    chain = []
    while error is not None:
        chain.append(error)
        error = error.__cause__ or error.__context__
    for one in reversed(chain):  # urllib3 gives the outer ones the same traceback
        raise_if_from_handler(one)


def observe(client: Any, on_unreachable: Callable[[], None]) -> None:
    """Watch all attempts of a client.

    Args:
        client: A boto3 client; a second call for the same one changes nothing.
        on_unreachable: What to call when nothing listens at the server's address.
    """

    def note(**event: Any) -> None:
        raise_from_handler(event.get("exception"))
        if isinstance(event.get("exception"), EndpointConnectionError):
            on_unreachable()
        _note_attempt(**event)

    events = client.meta.events
    events.register("before-call.s3", _begin, unique_id="persidict-begin")
    events.register("response-received.s3", note, unique_id="persidict-note-attempt")
    for operation in ("PutObject", "DeleteObject", "DeleteObjects"):
        # The full name, so that it is asked before botocore's own handler.
        name = f"needs-retry.s3.{operation}"
        events.register(name, _leave_in_doubt, unique_id=f"persidict-in-doubt-{operation}")
    events.register_first("needs-retry.s3", _stay, unique_id="persidict-stay")


def give_up_on_silence(request_dict: dict[str, Any], **_: Any) -> bool | None:
    """Stop botocore from resending a request after several attempts without an answer."""
    silences = request_dict["context"].get(_SILENCES, 0) + _state.earlier_silences
    return False if silences >= SILENT_ATTEMPTS else None


def _stay(request_dict: dict[str, Any], response: Any = None, **_: Any) -> None:
    """Keep botocore from asking for the bucket's region if a redirect isn't about regions.

    It would ask the same server, which redirects that request too, until the stack is full.
    """
    if response is not None and redirect_of(response[1]):
        request_dict["context"].setdefault("s3_redirect", {})["redirected"] = True


def _begin(**_: Any) -> None:
    _state.in_doubt = False


def _leave_in_doubt(**_: Any) -> bool | None:
    return False if _state.in_doubt and not _state.may_resend else None


def _note_attempt(
    parsed_response: dict[str, Any] | None = None,
    exception: Exception | None = None,
    context: Any = None,
    **_: Any,
) -> None:
    if exception is not None:
        if isinstance(exception, (ConnectTimeoutError, ReadTimeoutError)) and context is not None:
            context[_SILENCES] = context.get(_SILENCES, 0) + 1
        if not isinstance(exception, (EndpointConnectionError, ConnectTimeoutError)):
            _state.in_doubt = True
    elif parsed_response is not None:
        status = parsed_response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = parsed_response.get("Error", {}).get("Code", "")
        if status >= 500 and status != 501 and not (status == 503 and code in _TURNED_AWAY):
            _state.in_doubt = True
