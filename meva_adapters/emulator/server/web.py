"""REST over sockets: aiohttp's requests become calls, replies become responses."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from meva_adapters.emulator.api.calls import Call
from meva_adapters.emulator.control import PREFIX, control
from meva_adapters.emulator.faults.replies import Delivery, deliver
from meva_adapters.emulator.world import World

_WORTH_GZIP: Final = 2048
"""Bytes below which compressing costs more than it saves."""
_STREAM_PATHS: Final = frozenset({"/", "/ws", "/market"})
_SILENCE_SECONDS: Final = 90
"""Longer than any client waits."""


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
        body=await request.read() if request.body_exists else b"",
        remote=request.remote or "",
    )


class Front:
    """Answers the requests of one world; `upgrade` takes those that want the stream."""

    def __init__(
        self, world: World, upgrade: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    ) -> None:
        self._world = world
        self._upgrade = upgrade

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.path in _STREAM_PATHS and "websocket" in request.headers.get("Upgrade", "").lower():
            return await self._upgrade(request)
        call = await read_call(request)
        if call.path.startswith(PREFIX):
            return response_of(Delivery(control(self._world, call)), "")
        delivery = deliver(self._world.venue, self._world.plan, call)
        return await send(request, delivery, call.headers.get("accept-encoding", ""))


async def send(request: web.BaseRequest, delivery: Delivery, accepted: str) -> web.StreamResponse:
    """Send a reply the way its delivery says."""
    if delivery.wait_seconds:
        await asyncio.sleep(delivery.wait_seconds)
    if delivery.end == "silence":
        await asyncio.sleep(_SILENCE_SECONDS)
    if not delivery.end and not delivery.piece:
        return response_of(delivery, accepted)
    response = response_of(delivery, accepted)
    if delivery.length is None and delivery.end:
        _cut(request)
        return response
    return await _send_in_pieces(request, delivery, response)


def response_of(delivery: Delivery, accepted: str) -> web.Response:
    """Return a reply as a response, compressed where that is worth it and the client takes it."""
    reply = delivery.reply
    headers = {"Content-Type": reply.content_type, **reply.headers}
    body = reply.body
    if delivery.encoding:
        headers["Content-Encoding"] = delivery.encoding
    elif len(body) >= _WORTH_GZIP and "gzip" in accepted and delivery.length is None:
        body = gzip.compress(body, compresslevel=1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return web.Response(status=reply.status, body=body, headers=headers)


async def _send_in_pieces(
    request: web.BaseRequest, delivery: Delivery, whole: web.Response
) -> web.StreamResponse:
    body = whole.body if isinstance(whole.body, bytes) else b""
    response = web.StreamResponse(status=whole.status, headers=whole.headers)
    response.content_length = len(body) if delivery.length is None else delivery.length
    await response.prepare(request)
    size = delivery.piece or max(1, len(body))
    for start in range(0, len(body), size):
        await response.write(body[start : start + size])
        await asyncio.sleep(delivery.piece_seconds)
    if delivery.end:
        _cut(request)
    else:
        await response.write_eof()
    return response


def _cut(request: web.BaseRequest) -> None:
    """Cut the connection, as a proxy that dies does."""
    if request.transport is not None:
        request.transport.abort()
