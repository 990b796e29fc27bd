"""Reads the objects of a listing's answer, of which botocore would make seven elements and a dict.

Only answers in the form that S3 and its like give are read here. What differs in anything, also by
damage, is left to botocore.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus
from xml.sax.saxutils import unescape

from persidict.s3.objects import ListedObject, quoted

# Where they stand in botocore's answer.
_OBJECTS = "persidict-objects"
_is_usual = re.compile(
    r'(?:<\?xml version="1\.0" encoding="(?:UTF|utf)-8" ?\?>)?\s*<ListBucketResult[ >]'
).match
_contents = re.compile(r"<Contents>(.*?)</Contents>", re.DOTALL)
_fields_of = re.compile(r"<(Key|LastModified|ETag|Size)>([^<]*)</").findall
_is_unusual = re.compile(r"&(?!(?:amp|lt|gt);)").search


def read_quickly(client: Any) -> None:
    """Let a client read the objects of its listings here; then `objects_in` finds them."""
    # The asterisk lets it come before botocore's own look at the whole answer.
    event = "before-parse.*.ListObjectsV2"
    client.meta.events.register_first(event, _read, unique_id="persidict-objects")


def objects_in(answer: dict[str, Any]) -> list[ListedObject] | None:
    """Return the objects in botocore's answer; None: it has them as botocore reads them."""
    objects: list[ListedObject] | None = answer.get(_OBJECTS)
    if objects and answer.get("EncodingType") == "url":  # botocore has asked for that
        return [(unquote_plus(listed[0]), *listed[1:]) for listed in objects]
    return objects


def _read(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Take the objects out of an answer before botocore reads it."""
    if response_dict.get("status_code") != 200:
        return
    try:
        text = response_dict["body"].decode()
        if not _is_usual(text) or "<!" in text or "\r" in text:
            return
        found = _contents.findall(text.replace("&quot;", '"').replace("&#34;", '"'))
        if len(found) != text.count("<Contents"):
            return
        objects = [_object(fields) for fields in found]
    except ValueError:
        return
    response_dict["body"] = _contents.sub("", text).encode()
    customized_response_dict[_OBJECTS] = objects


def _object(text: str) -> ListedObject:
    """Read one; ``ValueError`` if it has not the usual form."""
    fields = _fields_of(text)
    values = dict(fields)
    if len(fields) != 4 or len(values) != 4 or "&" in values["ETag"] or not values["ETag"]:
        raise ValueError
    name, written = values["Key"], values["LastModified"]
    if "&" in name:
        if _is_unusual(name):
            raise ValueError
        name = unescape(name)
    if written[-1:] != "Z" or not name:
        raise ValueError
    timestamp = datetime.fromisoformat(written).timestamp()
    return name, quoted(values["ETag"]), timestamp, int(values["Size"])
