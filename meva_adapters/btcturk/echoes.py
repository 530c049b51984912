"""What an answer repeats of the request that it answers: hidden before anything reads the answer.

Whatever is read may be quoted, whole or cut, in a message that is stored and sent on. Output hides secrets as
well (`system.redaction`), but knows neither signatures nor what is left of a secret that was cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from meva_adapters.system.redaction import forms_of
from meva_core.settings import MASK

SHOWS: Final = 8
"""So many characters of a secret's beginning are hidden where they stand alone."""
_ESCAPED: Final = re.compile(rb"\\u00([2-7][0-9a-fA-F])|\\(/)")
_BEFORE: Final = re.compile(rb"(?<![0-9A-Za-z])|(?<=\\[bfnrt])")
_BEHIND: Final = re.compile(rb"(?![0-9A-Za-z])")
"""What a beginning stands between: within other letters and digits, as in the number of a transaction, it is
chance."""


def hidden(body: bytes, secrets: Iterable[str]) -> bytes:
    """Return a body with `<secret>` for these texts, in any case and in all forms that output hides, their
    characters as JSON may escape them, and for their beginnings of SHOWS characters and more."""
    plain = _ESCAPED.sub(_unescaped, body) if b"\\" in body else body
    lower = plain.lower()
    for text in (form for secret in secrets for form in forms_of(secret)):
        if text[:SHOWS].lower().encode() in lower:
            body = _without(body, text)
    return body


def _unescaped(found: re.Match[bytes]) -> bytes:
    return found[2] or bytes.fromhex(found[1].decode())


def _without(body: bytes, text: str) -> bytes:
    parts, at = [], 0
    for start, end in _places(body, text):
        parts += [body[at:start], MASK.encode()]
        at = end
    return b"".join([*parts, body[at:]])


def _places(body: bytes, text: str) -> Iterator[tuple[int, int]]:
    """Yield where a text stands, or its beginning alone."""
    each = [_unit(character) for character in text]
    begins, at = re.compile(b"".join(each[:SHOWS]), re.IGNORECASE), 0
    while found := begins.search(body, at):
        end, rest = found.end(), each[SHOWS:]
        while rest and (more := re.compile(rest[0], re.IGNORECASE).match(body, end)):
            end = more.end()
            del rest[0]
        at = found.start() + 1
        if not rest or (_BEFORE.match(body, found.start()) and _BEHIND.match(body, end)):
            yield found.start(), end
            at = end


def _unit(character: str) -> bytes:
    """Return what matches a character as it is, or as JSON or an address may write it."""
    code = ord(character)
    escaped = rb"|\\/" if character == "/" else b""
    return b"(?:%s|\\\\u%04x|%%%02x%s)" % (re.escape(character.encode()), code, code, escaped)
