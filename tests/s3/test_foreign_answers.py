"""Answers that are not S3's, from a proxy or a wrong address: an error, never an absent item."""

import boto3
import pytest

from persidict.core import BackendError
from persidict.s3 import BasicS3Dict
from persidict.s3.capabilities import forget_endpoint

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.parametrize("transport", ["boto3", "obstore"], indirect=True),
]

PAGE = b"<html><head><title>Welcome</title></head><body>Log in</body></html>"
BODIES = {"a page": PAGE, "nothing": b"", "text": b"It works!"}


@pytest.fixture
def intervene(moto):
    """Lets something else answer the requests that a function chooses."""
    application = moto._application
    asked = []

    def intervene(chosen, status, body=b"", **headers):
        def odd(environ, start_response):
            if not chosen(environ):
                return application(environ, start_response)
            asked.append(environ["REQUEST_METHOD"])
            content = b"" if environ["REQUEST_METHOD"] == "HEAD" else body
            sent = {"Content-Type": "text/html", "Content-Length": str(len(content)), **headers}
            start_response(status, list(sent.items()))
            return [content]

        moto._application = odd
        return asked

    yield intervene
    moto._application = application
    forget_endpoint(moto.url)


@pytest.fixture
def d(moto_place):
    made = BasicS3Dict(**moto_place)
    made["a"] = 1
    return made


def is_listing(environ):
    return "list-type=2" in environ["QUERY_STRING"]


def is_later_page(environ):
    return "continuation-token" in environ["QUERY_STRING"]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    "act",
    [len, list, lambda d: list(d.items()), lambda d: d.clear(), lambda d: list(d.subdicts())],
    ids=["len", "list", "items", "clear", "subdicts"],
)
def test_what_is_no_listing(d, intervene, act, body):
    intervene(is_listing, "200 OK", BODIES[body])
    with pytest.raises(BackendError) as caught:
        act(d)
    assert caught.value.operation in ("list", "clear")


def test_a_later_page_that_is_no_listing(d, intervene):
    d.update({f"k{number}": number for number in range(1100)})
    intervene(is_later_page, "200 OK", PAGE)
    with pytest.raises(BackendError, match="no listing"):
        len(d)


@pytest.mark.parametrize("body", ["a page", "text"])
def test_404_of_another_server_is_no_absent_item(d, intervene, body):
    intervene(lambda environ: environ["REQUEST_METHOD"] == "GET", "404 Not Found", BODIES[body])
    for act in (lambda: d["a"], lambda: d.get("a"), lambda: list(d)):
        with pytest.raises(BackendError, match="check endpoint_url: a proxy"):
            act()
    with pytest.raises(BackendError):
        d.transform_item("a", transformer=lambda n: n + 1)


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_redirects_are_named_and_not_followed(d, moto_place, intervene, status):
    asked = intervene(lambda environ: True, status, Location="https://elsewhere.example/x")
    for act in (
        lambda: BasicS3Dict(**moto_place),
        lambda: d["a"],
        lambda: "a" in d,
        lambda: len(d),
        lambda: d.pop("a"),
        d.clear,
        lambda: d.update(b=2),
    ):
        with pytest.raises(BackendError, match="redirects to https://elsewhere"):
            act()
    assert len(asked) < 40


def test_a_server_that_wants_its_region_named(moto, moto_place):
    place = {**moto_place, "bucket_name": "somewhere", "region": "eu-west-1"}
    BasicS3Dict(**place)["a"] = 1
    client = boto3.client("s3", endpoint_url=moto.url, region_name="eu-west-1")
    assert client.get_bucket_location(Bucket="somewhere")["LocationConstraint"] == "eu-west-1"


@pytest.mark.parametrize("address", ["http://user:SECRET@127.0.0.1:9", "user:SECRET@127.0.0.1:9"])
def test_credentials_in_the_configured_address_are_refused(monkeypatch, address):
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    with pytest.raises(ValueError, match="AWS_ENDPOINT_URL") as caught:
        BasicS3Dict("b")
    assert "SECRET" not in str(caught.value)


def test_a_configured_address_without_a_scheme(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:9")
    with pytest.raises(ValueError, match=r"AWS_ENDPOINT_URL.* must begin with http"):
        BasicS3Dict("b")


def test_the_region_that_s3_itself_names_is_used(d, moto_place, intervene):
    own = BasicS3Dict(**moto_place, max_workers=5)  # with a client that remembers the region
    asked = intervene(
        lambda environ: "/us-east-1/" in environ.get("HTTP_AUTHORIZATION", ""),
        "301 Moved Permanently",
        b"<Error><Code>PermanentRedirect</Code><Message>Elsewhere.</Message></Error>",
        **{"Location": "https://elsewhere.example/x", "x-amz-bucket-region": "eu-west-1"},
    )
    assert own["a"] == 1
    assert "a" in own
    assert asked
