"""What hides the secrets of the settings in every line that leaves the program, however they got into it.

A `Secret` shows nothing. What it reveals goes to where it is used, and may come back in the words of others:
an error of a library, a traceback, an answer that repeats a request.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from meva_core.settings import MASK, Secret

SHORTEST: Final = 6
"""Characters: what is shorter is no secret that holds, and stands in many words."""
_hidden: tuple[str, ...] = ()


def hide(secrets: Iterable[Secret]) -> None:
    """Hide these from now on, and no others: as they are, as a login of an address, and as they are written
    in JSON, in an address, in Base64 and in hexadecimal digits."""
    global _hidden
    found = {form for secret in secrets for text in _parts(secret.reveal()) for form in forms_of(text)}
    _hidden = tuple(sorted(found, key=lambda text: (-len(text), text)))


def redacted(text: str) -> str:
    """Return a text with `<secret>` in place of each that is hidden."""
    for each in _hidden:
        if each in text:
            text = text.replace(each, MASK)
    return text


def _parts(text: str) -> Iterator[str]:
    """Yield a secret, and the password in it if it is an address."""
    yield text
    try:
        password = urlsplit(text).password
    except ValueError:  # no address
        return
    if password:
        yield password
        yield unquote(password)


def forms_of(text: str) -> Iterator[str]:
    """Yield a secret as it may be written: as it is, in JSON, in an address, in Base64 and in hexadecimal
    digits. Nothing of one that is too short to be looked for."""
    if len(text) < SHORTEST:
        return
    encoded = text.encode()
    yield from (text, json.dumps(text)[1:-1], quote(text, safe=""), quote(text))
    yield from (b64encode(encoded).decode(), encoded.hex())
