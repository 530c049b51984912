"""Who is calling: keys, signatures, stamps, permissions."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final

import orjson
from attrs import Factory, define, field

from meva_adapters.emulator.api.calls import HTML, Call, Failed, Reply
from meva_adapters.emulator.api.policy import Policy
from meva_adapters.emulator.exchange.accounts import TradingAccount
from meva_core.errors import BadInput

PERMISSIONS: Final = frozenset({"balances", "trade", "account", "websocket"})
_TOLERANCE_MS: Final = 5000
_LARGEST_LOGIN_NONCE: Final = 10**9


@define(eq=False)
class Key:
    """An API key. `addresses` empty means from anywhere."""

    public: str
    account: TradingAccount
    permissions: frozenset[str] = PERMISSIONS
    addresses: frozenset[str] = frozenset()
    last_stamp: int = 0
    _secret: bytes = field(default=b"", repr=False)

    def signs(self, text: str, signature: str) -> bool:
        """Whether `signature` is this key's for a text."""
        expected = base64.b64encode(hmac.digest(self._secret, text.encode(), "sha256"))
        return hmac.compare_digest(expected, signature.encode("latin-1", "replace"))


def secret_bytes(secret: str) -> bytes:
    """Return what a secret decodes to; raises BadInput, without showing it, if it is not Base64."""
    try:
        return base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput(
            "the secret is not standard Base64", action="use the secret as the exchange shows it"
        ) from None


@define(eq=False)
class Keyring:
    """All keys, and the addresses that failed too often in a row."""

    policy: Policy
    _keys: dict[str, Key] = Factory(dict)
    _failures: dict[str, int] = Factory(dict)

    def check_new(self, public: str) -> None:
        """Raise BadInput if a key of that name is there already."""
        if public in self._keys:
            raise BadInput(f"key {public!r} exists already", action="choose another")

    def add(self, key: Key) -> None:
        """Add a key that is new."""
        self._keys[key.public] = key

    def find(self, public: str) -> Key | None:
        """Return the key of that name, None if there is none."""
        return self._keys.get(public)

    def identify(self, call: Call, permission: str, server_time: int) -> Key:
        """Return the key that signed a call; raises Failed with the 401 that the exchange would give."""
        if 0 < self.policy.unauthorized_block <= self._failures.get(call.remote, 0):
            raise Failed(Reply(403, b"<html><body><h1>Access denied</h1></body></html>", HTML))
        try:
            key = self._identify(call, permission, server_time)
        except Failed:
            self._failures[call.remote] = self._failures.get(call.remote, 0) + 1
            raise
        self._failures.pop(call.remote, None)
        return key

    def login(self, public: str, nonce: object, signature: str) -> Key | str:
        """Return the key of a stream login, or why it is refused. The nonce is a small constant there."""
        key = self._keys.get(public)
        if key is None:
            return "Unauthorized - Invalid Public key"
        if isinstance(nonce, bool) or not isinstance(nonce, int) or not 0 <= nonce < _LARGEST_LOGIN_NONCE:
            return "Unauthorized - Invalid Request"
        if self.policy.signatures and not key.signs(f"{public}{nonce}", signature):
            return "Unauthorized - Invalid Signature"
        if "websocket" not in key.permissions:
            return "Unauthorized - Invalid Request"
        return key

    def forgive(self) -> None:
        """Forget all failures."""
        self._failures.clear()

    def _identify(self, call: Call, permission: str, server_time: int) -> Key:
        headers = call.headers
        public, stamp, signature = headers.get("x-pck"), headers.get("x-stamp"), headers.get("x-signature")
        if public is None or stamp is None or signature is None:
            raise unauthorized("Headers are missing")
        key = self._keys.get(public)
        if key is None:
            raise unauthorized("Invalid Public key")
        if self.policy.signatures:
            time = int(stamp) if stamp.isascii() and stamp.isdigit() and len(stamp) < 20 else -1
            if abs(time - server_time) > _TOLERANCE_MS:
                raise unauthorized("Invalid Nonce")
            if not key.signs(public + stamp, signature):
                raise unauthorized("Invalid Signature")
            if self.policy.strict_nonce and time <= key.last_stamp:
                raise unauthorized("Invalid Nonce")
            key.last_stamp = max(time, key.last_stamp)
        if permission not in key.permissions or (key.addresses and call.remote not in key.addresses):
            raise unauthorized("Invalid Request")
        return key


def unauthorized(cause: str) -> Failed:
    """Return the 401 of a cause. Its body says success, as the exchange's does."""
    body = {"success": True, "message": f"Unauthorized - {cause}", "code": 1037}
    return Failed(Reply(401, orjson.dumps(body)))
