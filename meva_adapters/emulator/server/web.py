"""REST over sockets: aiohttp's requests become calls, replies become responses."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from meva_adapters.emulator.api.calls import Call, Reply, refused
from meva_adapters.emulator.bounds import MOST_BYTES
from meva_adapters.emulator.control import PREFIX, control
from meva_adapters.emulator.faults.replies import Delivery, begin_delivery
from meva_adapters.emulator.server.aside import Aside
from meva_adapters.emulator.server.visitors import Doorman
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
        self,
        world: World,
        doorman: Doorman,
        aside: Aside,
        upgrade: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    ) -> None:
        self._world = world
        self._doorman = doorman
        self._aside = aside
        self._upgrade = upgrade

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        controls = request.path.startswith(PREFIX)
        refusal = self._refusal(request)
        if refusal is not None:
            return _turned_away(refusal, 403, controls)
        if controls:
            return await self._control(request)
        if (request.path.rstrip("/") or "/") in _STREAM_PATHS and (
            "websocket" in request.headers.get("Upgrade", "").lower()
        ):
            return await self._upgrade(request)
        call = await read_call(request)
        self._world.hears(call)
        delivery = begin_delivery(self._world.venue, self._world.faults, call)
        if delivery.reply.work is not None:
            await self._aside.do(delivery.reply.finish)
        delivery.finish()
        return await send(request, delivery, call.headers.get("accept-encoding", ""))

    async def _control(self, request: web.BaseRequest) -> web.StreamResponse:
        """Do what a control call says if it is called JSON, which a page cannot send without being let."""
        kind = request.headers.get("Content-Type")
        if kind is None and request.body_exists:
            kind = ""
        if kind is not None and kind.partition(";")[0].strip().lower() != "application/json":
            return _turned_away(f"Content-Type is {kind[:100]!r}; expected application/json", 415, True)
        try:
            call = await read_call(request)
        except web.HTTPRequestEntityTooLarge:
            return _turned_away(
                f"the document is larger than {MOST_BYTES} bytes, which is the most", 400, True
            )
        return response_of(Delivery(control(self._world, call)), "")

    def _refusal(self, request: web.BaseRequest) -> str | None:
        headers, transport = request.headers, request.transport
        address = transport.get_extra_info("sockname") if transport is not None else None
        return self._doorman.refusal(
            headers.getall("Host", []),
            headers.getall("Origin", []),
            headers.get("Sec-Fetch-Site", ""),
            str(address[0]) if isinstance(address, tuple) else "",
        )


def _turned_away(message: str, status: int, controls: bool) -> web.Response:
    """Return a refusal that comes before the exchange, in the form of the endpoint that was called."""
    body = json.dumps({"error": message}).encode() if controls else refused(message).reply.body
    return response_of(Delivery(Reply(status, body)), "")


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
