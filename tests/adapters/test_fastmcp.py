"""A dict as what FastMCP keeps: the responses of a server, and the tokens of a client."""

import asyncio

import pytest

pytest.importorskip("fastmcp")
from fastmcp import Client, FastMCP
from fastmcp.client.auth.oauth import TokenStorageAdapter
from fastmcp.server.middleware.caching import ResponseCachingMiddleware
from mcp.shared.auth import OAuthToken

from persidict.adapters.key_value import KeyValueStore


def test_responses_are_cached_across_servers(any_dict):
    calls = []

    def add(a: int, b: int) -> int:
        calls.append((a, b))
        return a + b

    async def serve():
        server = FastMCP("adding")
        server.add_middleware(ResponseCachingMiddleware(cache_storage=KeyValueStore(any_dict)))
        server.tool(add)
        async with Client(server) as client:
            return [(await client.call_tool("add", {"a": 1, "b": 2})).data for _ in range(2)]

    assert asyncio.run(serve()) == [3, 3]
    assert asyncio.run(serve()) == [3, 3]
    assert calls == [(1, 2)]


def test_tokens_are_stored(any_dict):
    async def main():
        for _ in range(2):
            tokens = TokenStorageAdapter(KeyValueStore(any_dict), "https://example.org/mcp")
            known = await tokens.get_tokens()
            await tokens.set_tokens(OAuthToken(access_token="secret", token_type="Bearer"))
        return known

    assert asyncio.run(main()).access_token == "secret"
