"""Who we are: the headers of a private request, and the login of the stream."""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode, b64encode
from typing import Final

from requests import PreparedRequest
from requests.auth import AuthBase

from meva_adapters.btcturk.echoes import hidden
from meva_core.errors import BadInput
from meva_core.settings import Secret

STREAM_NONCE: Final = 3000
"""The stream wants a small constant where REST wants the time."""


class Signer:
    """A key and its secret. Shows neither."""

    def __init__(self, key: Secret, secret: Secret) -> None:
        """Raises BadInput if the secret is not the Base64 text that the exchange hands out."""
        try:
            b64decode(secret.reveal(), validate=True)
        except (binascii.Error, ValueError):
            raise BadInput(
                "BTCTURK_API_SECRET: not Base64 text",
                action="copy the private key again as the exchange shows it, with its last '='",
            ) from None
        self._key = key
        self._secret = secret

    def __repr__(self) -> str:
        return "Signer()"

    @property
    def key(self) -> Secret:
        """The public key, which is not for show either."""
        return self._key

    @property
    def mark(self) -> str:
        """What tells this key with this secret from others, and gives nothing of either away."""
        return hmac.digest(b64decode(self._secret.reveal()), b"meva", "sha256").hex()[:16]

    def sign(self, stamp: int) -> str:
        """Return the signature over key and stamp; neither path nor body is part of it."""
        message = f"{self._key.reveal()}{stamp}".encode()
        return b64encode(hmac.digest(b64decode(self._secret.reveal()), message, "sha256")).decode()

    def hidden_in(self, body: bytes, stamp: int) -> bytes:
        """Return an answer with what it repeats of a request of this stamp hidden: key, secret, signature."""
        return hidden(body, (self._key.reveal(), self._secret.reveal(), self.sign(stamp)))

    def stamped(self, stamp: int) -> SignedRequest:
        """Return what signs one request with a stamp of its own, in milliseconds of the exchange's time."""
        return SignedRequest(self, stamp)


class SignedRequest(AuthBase):
    """Adds the headers at the last moment, so that no frame of ours holds them for a traceback to show."""

    def __init__(self, signer: Signer, stamp: int) -> None:
        self._signer = signer
        self._stamp = stamp

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["X-PCK"] = self._signer.key.reveal()
        request.headers["X-Stamp"] = str(self._stamp)
        request.headers["X-Signature"] = self._signer.sign(self._stamp)
        return request
