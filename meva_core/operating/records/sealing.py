"""The seal of a book's row of `live_books`: two SHA-256 at the end of `book_json`, over the name of the book
with all else that this text says, and over it with `state_json`.

    {"book":{...},"format":1,"sha256":{"book":"...","state":"..."}}

It finds accidents; it is no signature. It covers texts, letter for letter: nothing is parsed for it. A row
without one was stored by a version that made none, or changed by a person who meant it: taken as it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Final

from meva_core.ids import canonical_json
from meva_core.live_book.book import SEAL

_AT_THE_END: Final = re.compile(rf',"{SEAL}":{{"book":"([0-9a-f]{{64}})","state":"([0-9a-f]{{64}})"}}}}')
_LENGTH: Final = len(f',"{SEAL}":{{"book":"","state":""}}}}') + 2 * 64


def sealed(name: str, book: str, state: str) -> str:
    """Return the canonical text of a book (`book.text_of`) with the seal of its row, `state` being the text
    that is stored beside it."""
    digests = {"book": _digest(name, book), "state": _digest(name, state)}
    return f'{book.removesuffix("}")},"{SEAL}":{canonical_json(digests)}}}'


def unlike_seal(name: str, book: str, state: str) -> list[str]:
    """Return which columns of the row of a book are not what was stored: `book_json`, `state_json`, none of
    them, as of a row without a seal."""
    found = _AT_THE_END.fullmatch(book[-_LENGTH:])
    if found is None:
        return ["book_json"] if _has_another(book) else []
    of_book, of_state = found.groups()
    is_like = {
        "book_json": of_book == _digest(name, book[:-_LENGTH] + "}"),
        "state_json": of_state == _digest(name, state),
    }
    return [column for column, is_so in is_like.items() if not is_so]


def _digest(name: str, text: str) -> str:
    return hashlib.sha256(f"{name}\n{text}".encode()).hexdigest()


def _has_another(book: str) -> bool:
    """Whether a text has a seal that is none; what is no JSON is said by whoever reads it."""
    try:
        document = json.loads(book)
    except ValueError:
        return False
    return isinstance(document, dict) and SEAL in document
