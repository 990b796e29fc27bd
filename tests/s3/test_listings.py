"""Answers to listings in all forms: each is read as botocore reads it."""

import functools
import itertools

import boto3
import pytest
from botocore.config import Config

from persidict.core import BackendError
from persidict.s3 import BasicS3Dict

ENTRY = (
    "<Contents><Key>{root}a/b.pkl</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>"
    "<ETag>&quot;123&quot;</ETag><Size>7</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def page(entries, head='<?xml version="1.0" encoding="UTF-8"?>\n', more=""):
    return (
        f'{head}<ListBucketResult xmlns="{NAMESPACE}"><Name>tests</Name>{more}'
        f"<IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
    )


URL = "<EncodingType>url</EncodingType>"
OWNER = "<Owner><ID>75aa57f0</ID><DisplayName>Key</DisplayName></Owner></Contents>"
CHECKSUM = "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm></Contents>"
FORMS = {
    "usual": page(ENTRY),
    "several": page("\n  ".join(ENTRY.replace("a/b", f"a/{n}") for n in range(5))),
    "empty": page(""),
    "no declaration": page(ENTRY, head=""),
    "other quotes": page(ENTRY, head="<?xml version='1.0' encoding='utf-8'?>"),
    "UTF-8": page(ENTRY + ENTRY.replace("a/b", "é/\U0001f600")),
    "numeric quotes": page(ENTRY.replace("&quot;", "&#34;")),
    "hexadecimal quotes": page(ENTRY.replace("&quot;", "&#x22;")),
    "plain quotes": page(ENTRY.replace("&quot;", '"')),
    "no quotes": page(ENTRY.replace("&quot;", "")),
    "entities": page(ENTRY + ENTRY.replace("a/b", "x&amp;y&lt;&gt;&amp;quot;&amp;amp;")),
    "other entities": page(ENTRY + ENTRY.replace("a/b", "x&apos;y&#38;&#x3c;")),
    "URL": page(ENTRY.replace("a/b", "%61/b%3D~%28") + ENTRY.replace("a/b", "a+b%2B"), more=URL),
    "percent": page(ENTRY.replace("a/b", "a%2Fb") + ENTRY),
    "CDATA": page(ENTRY.replace("{root}a/b.pkl", "<![CDATA[{root}a/b.pkl]]>")),
    "comment": page(ENTRY.replace("</Key>", "<!-- <Key>x</Key> --></Key>") + ENTRY),
    "instruction": page(ENTRY.replace("</Key>", "<?x y?></Key>") + ENTRY),
    "attributes": page(
        ENTRY.replace("<Contents>", '<Contents x="y">').replace("<Key>", "<Key z=''>")
    ),
    "some attributes": page(
        ENTRY + ENTRY.replace("a/b", "c").replace("<Contents>", '<Contents x="">')
    ),
    "space in tags": page(ENTRY.replace("</Key>", "</Key >").replace("<Size>", "<Size >")),
    "space around": page(ENTRY.replace("><", ">\n  <")),
    "line ends": page(ENTRY.replace("><", ">\r\n<").replace("a/b", "a\r\nb") + ENTRY),
    "owner": page(ENTRY.replace("</Contents>", OWNER).replace("</Contents>", CHECKSUM)),
    "no size": page(ENTRY.replace("<Size>7</Size>", "")),
    "empty name": page(ENTRY.replace("{root}a/b.pkl", "") + ENTRY),
    "other names": page(ENTRY.replace("a/b.pkl", "a//b.pkl/") + ENTRY.replace("a/b", "..")),
    "whole seconds": page(ENTRY.replace(".678Z", "Z")),
    "microseconds": page(ENTRY.replace(".678Z", ".678901Z")),
    "other zone": page(ENTRY.replace(".678Z", "+02:00")),
    "HTTP date": page(ENTRY.replace("2026-01-02T03:04:05.678Z", "Fri, 02 Jan 2026 03:04:05 GMT")),
    "no zone": page(ENTRY.replace(".678Z", "")),
    "prefixed": page(ENTRY)
    .replace("<", "<s:")
    .replace("<s:/", "</s:")
    .replace("<s:?", "<?")
    .replace("xmlns", "xmlns:s"),
}
DAMAGED = {
    "Latin-1": page(
        ENTRY + ENTRY.replace("a/b", "é"), head='<?xml version="1.0" encoding="latin1"?>'
    ),
    "cut": page(ENTRY)[:-30],
    "cut in an entry": page(ENTRY + ENTRY)[:-90],
    "nested": page(ENTRY + f"<Contents>{ENTRY}"),
    "no etag": page(ENTRY + ENTRY.replace("ETag", "XTag")),
    "empty etag": page(ENTRY.replace("&quot;123&quot;", "")),
    "no date": page(ENTRY.replace("LastModified", "FirstModified")),
    "size": page(ENTRY.replace("<Size>7", "<Size>many")),
    "date": page(ENTRY.replace("2026", "MMXXVI")),
    "error": "<Error><Code>AccessDenied</Code><Message>no</Message></Error>",
    "bytes": page(ENTRY.replace("a/b", "\udcff")),
}


@pytest.fixture
def answer(moto):
    """Lets the server answer listings with a text."""
    application = moto._application
    yield lambda text: setattr(moto, "_application", listing(application, text))
    moto._application = application


def listing(application, text):
    def answer(environ, start_response):
        if "list-type" not in environ["QUERY_STRING"]:
            return application(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/xml")])
        charset = "latin-1" if "latin1" in text else "utf-8"
        return [text.encode(charset, "surrogateescape")]

    return answer


ONCE = Config(retries={"total_max_attempts": 1})


@functools.cache
def client_of(url):
    session = boto3.session.Session()
    return session.client("s3", endpoint_url=url, region_name="us-east-1", config=ONCE)


@pytest.fixture
def both(moto_place):
    """A dict that reads listings itself, and one with its user's client: botocore reads those."""
    client = client_of(moto_place["endpoint_url"])
    return BasicS3Dict(**moto_place, config=ONCE), BasicS3Dict(**moto_place, client=client)


def listed(d):
    return [(key, stat.etag, stat.timestamp, stat.size) for key, stat in d._scan(d._prefix)]


@pytest.mark.parametrize("form", FORMS)
def test_forms(answer, both, form):
    ours, theirs = both
    answer(FORMS[form].replace("{root}", ours.root_prefix))
    assert listed(ours) == listed(theirs)
    if form not in ("empty", "other names", "percent"):
        assert listed(ours)


@pytest.mark.parametrize("form", DAMAGED)
def test_damaged_answers(answer, both, form):
    answer(DAMAGED[form].replace("{root}", both[0].root_prefix))
    outcomes = []
    for d in both:
        try:
            outcomes.append(listed(d))
        except BackendError as error:
            outcomes.append(type(error))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("form", ["no etag", "no date", "date", "size", "error"])
def test_errors(answer, both, form):
    answer(DAMAGED[form].replace("{root}", both[0].root_prefix))
    for d in both:
        with pytest.raises(BackendError, match="can't list"):
            listed(d)


def test_every_place_to_cut(answer, both):
    """A page that is cut is never taken for a whole one."""
    text = page(ENTRY).replace("{root}", both[0].root_prefix)
    for end in itertools.chain(range(1, len(text), 7), [len(text) - 1]):
        answer(text[:end])
        with pytest.raises(BackendError):
            listed(both[0])
