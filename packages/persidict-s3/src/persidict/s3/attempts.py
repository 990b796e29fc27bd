"""What became of a request's attempts: botocore sends a request again by itself.

The state belongs to the thread that sends, because botocore's events carry nothing else that the
sender and the observers share.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

SILENT_ATTEMPTS = 2
"""Attempts at a server that never answers; each costs the whole time limit."""

# Where a request counts the attempts that were never answered.
_SILENCES = "persidict-silences"
# Codes of 503 with which S3 says that it did nothing.
_TURNED_AWAY = frozenset({"SlowDown", "ServiceUnavailable", "RequestLimitExceeded", "Throttling"})


class _State(threading.local):
    in_doubt = False
    may_resend = True


_state = _State()


def begin_request(*, may_resend: bool = True) -> None:
    """Begin a new request in this thread.

    Args:
        may_resend: Whether to send the request again after an attempt that the server may have
            carried out.
    """
    _state.in_doubt = False
    _state.may_resend = may_resend


def was_in_doubt() -> bool:
    """Tell whether the server may have carried out an attempt whose answer says otherwise."""
    return _state.in_doubt


def observe(client: Any, on_unreachable: Callable[[], None]) -> None:
    """Watch all attempts of a client.

    Args:
        client: A boto3 client; a second call for the same one changes nothing.
        on_unreachable: What to call when nothing listens at the server's address.
    """

    def note(**event: Any) -> None:
        if isinstance(event.get("exception"), EndpointConnectionError):
            on_unreachable()
        _note_attempt(**event)

    events = client.meta.events
    events.register("response-received.s3", note, unique_id="persidict-note-attempt")
    events.register_first("needs-retry.s3", _leave_in_doubt, unique_id="persidict-in-doubt")


def give_up_on_silence(request_dict: dict[str, Any], **_: Any) -> bool | None:
    """Stop botocore from sending a request again that was never answered several times."""
    silences = request_dict["context"].get(_SILENCES, 0)
    return False if silences >= SILENT_ATTEMPTS else None


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
