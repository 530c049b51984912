"""REST over sockets: aiohttp's requests become calls, replies become responses."""

from __future__ import annotations

import gzip
from typing import Final

from aiohttp import web

from meva_adapters.emulator.api.calls import Call, Reply
from meva_adapters.emulator.api.router import answer
from meva_adapters.emulator.world import World

_LARGEST_BODY: Final = 2**16
_WORTH_GZIP: Final = 2048
"""Bytes below which compressing costs more than it saves."""


async def read_call(request: web.BaseRequest) -> Call:
    """Return a request with its whole body."""
    query: dict[str, list[str]] = {}
    for name, value in request.query.items():
        query.setdefault(name, []).append(value)
    return Call(
        method=request.method,
        path=request.path,
        query=query,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.content.read(_LARGEST_BODY) if request.body_exists else b"",
        remote=request.remote or "",
    )


def response_of(reply: Reply, accepted_encoding: str) -> web.Response:
    """Return a reply as a response, compressed where that is worth it and the client takes it."""
    headers = {"Content-Type": reply.content_type, **reply.headers}
    body = reply.body
    if len(body) >= _WORTH_GZIP and "gzip" in accepted_encoding:
        body = gzip.compress(body, compresslevel=1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return web.Response(status=reply.status, body=body, headers=headers)


class Front:
    """Answers requests of one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        call = await read_call(request)
        reply = answer(self._world.venue, call)
        return response_of(reply, call.headers.get("accept-encoding", ""))
