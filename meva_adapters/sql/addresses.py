"""How a database is named: a path, sqlite:///FILE, or postgresql://USER@HOST:PORT/NAME.

An address may hold a password, and an odd one may hold it anywhere. So what is not exactly one of these forms
is refused without repeating any of it, and what is accepted shows its password nowhere.
"""

from __future__ import annotations

import os
import re
from ipaddress import IPv6Address
from typing import Final

import sqlalchemy as sa

from meva_core.errors import BadInput

FORMS: Final = "FILE, sqlite:///FILE or postgresql://USER@HOST:PORT/NAME"
_SECRET_IN_QUERY: Final = re.compile(r"([?&][^=&]*(?:pass|pwd|secret|token)[^=&]*=)[^&]*", re.IGNORECASE)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_LOOKS_LIKE_AN_ADDRESS: Final = re.compile(
    r"(?![./])(?:(?:postgres(?:ql)?|sqlite|mysql|mariadb|mssql|oracle)(?:\+\w*)?:"
    r"|[^/]*:.*@|.*\b(?:password|passwd|pwd)\s*=)|[^./]*//.*@",
    re.IGNORECASE | re.DOTALL,
)
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?|")
_NAME: Final = re.compile(r"[^/@:?#\s]*")
_SPELL_OUT: Final = (
    "in a user's name or password write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25"
)


Target = str | os.PathLike[str] | sa.URL
"""How a caller names a database: a path or a text, which is read once, or what came of reading it."""


def database_url(target: Target) -> sa.URL:
    """Return the URL of a path or a text. Raises BadInput for one that names no database of a kind we know.

    Its message repeats a path, and of anything like an address nothing.
    """
    if isinstance(target, sa.URL):
        return target
    text = os.fspath(target)
    if _is_no_text(text):
        raise BadInput(f"{text!r} is no name in UTF-8", action="rename the file")
    scheme, separator, rest = text.partition("://")
    if not separator:
        return _of_path(text, is_name=not isinstance(target, str))
    kind = scheme.lower().partition("+")[0]
    if not _SCHEME.fullmatch(scheme):
        raise _odd("it begins with no scheme")
    if kind == "sqlite":
        return _of_sqlite(rest)
    if kind in ("postgresql", "postgres"):
        return _of_postgres(rest)
    raise BadInput(f"a {kind} database is not supported; expected {FORMS}")


def shown(url: sa.URL) -> str:
    """Return a database as messages name it: a path, or a URL without its password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return _SECRET_IN_QUERY.sub(r"\1***", url.render_as_string(hide_password=True))


def _of_path(text: str, *, is_name: bool) -> sa.URL:
    """Return the URL of a path; `is_name` says that it is one for certain, no address that was mistyped."""
    if not is_name and _LOOKS_LIKE_AN_ADDRESS.match(text):
        raise _odd("it is no address as it stands", "write a file of such a name as ./FILE")
    if not text or "\0" in text or text == ":memory:":
        raise BadInput(f"{text!r} is not a database; expected a file or a URL such as sqlite:///state.db")
    return sa.URL.create("sqlite", database=os.path.abspath(text))


def _of_sqlite(rest: str) -> sa.URL:
    """Return the URL of what follows sqlite://: one more slash, and a path."""
    path, _, query = rest.partition("?")
    if not path.startswith("/") or path == "/" or query or "\0" in path:
        raise _odd("sqlite:// takes a third slash and a file, and nothing else")
    file = path[1:]
    if file == ":memory:" or file.startswith("file:"):
        raise BadInput("sqlite:/// names no file; expected sqlite:///FILE")
    return sa.URL.create("sqlite", database=os.path.abspath(file))


def _of_postgres(rest: str) -> sa.URL:
    """Return the URL of what follows postgresql://, if each part of it can be told from its neighbours."""
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in rest):
        raise _odd("it holds blanks or control characters")
    if rest.count("@") > 1:
        raise _odd("there is more than one @ in it", _SPELL_OUT)
    try:
        url = sa.make_url(f"postgresql+psycopg://{rest}")
    except (sa.exc.ArgumentError, ValueError):  # ValueError: a port that is no number
        raise _odd("its parts cannot be told apart", _SPELL_OUT) from None
    if "@" in rest and url.username is None:
        raise _odd("its parts cannot be told apart", _SPELL_OUT)
    if not _is_host(url.host or ""):
        raise _odd("its host is no name and no number")
    if url.port is not None and not 0 < url.port < 2**16:
        raise _odd("its port is not one from 1 to 65535")
    if not _NAME.fullmatch(url.database or ""):
        raise _odd("the database's name holds one of / @ : ? #")
    return url


def _is_host(text: str) -> bool:
    if _HOST.fullmatch(text):
        return True
    try:
        return bool(IPv6Address(text))
    except ValueError:
        return False


def _odd(what: str, action: str = "") -> BadInput:
    """Return the refusal of an address that is not repeated: nobody knows which part of it is a password."""
    return BadInput(
        f"the database's address is not shown here, since it may hold a password: {what}; expected {FORMS}",
        action=action or f"name the database as {FORMS}",
    )


def _is_no_text(name: str) -> bool:
    """Whether a name came from bytes that are not UTF-8: no driver takes it, and no output can show it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return True
    return False
