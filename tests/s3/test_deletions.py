"""How many requests a deletion takes on each server."""

import pytest

from persidict.core import ETAG_IS_THE_SAME
from persidict.s3 import BasicS3Dict, S3Dict
from tests.s3.proxy import Proxy


@pytest.mark.parametrize("kind", ["basic", "cached"])
def test_requests_of_deletions(request, place, tmp_path, kind):
    """One where the server knows ``If-Match: *``, two where it doesn't."""
    with Proxy(place["endpoint_url"]) as proxy:
        params = {**place, "endpoint_url": proxy.url}
        d = BasicS3Dict(**params) if kind == "basic" else S3Dict(base_dir=tmp_path, **params)
        d["a"] = d["b"] = d["c"] = 1
        d.discard("a")
        knows_star = request.node.callspec.params["server"] == "seaweed"
        once = {"DELETE": 1} if knows_star else {"DELETE": 1, "HEAD": 1}

        def spent():
            return {name: n for name, n in proxy.seen.items() if " " not in name}

        proxy.seen.clear()
        del d["b"]
        assert spent() == once
        proxy.seen.clear()
        assert d.discard("c")
        assert spent() == once
        proxy.seen.clear()
        assert not d.discard("c")
        assert spent() == ({"DELETE": 1} if knows_star else {"HEAD": 1})
        d["d"] = 1
        etag = d.etag("d")
        proxy.seen.clear()
        assert d.discard_if("d", condition=ETAG_IS_THE_SAME, expected_etag=etag).value_was_mutated
        assert spent() == {"DELETE": 1}
