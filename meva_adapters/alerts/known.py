"""What apprise said of addresses, kept between processes: to load it takes a second, which a process for each
cycle has to spend only when there is something to send.

Of an address nothing is kept but what its service is called, its host where that may be seen, and twelve bits
of a salted digest: they tell another address from it, and never a right guess at a password from a thousand
wrong ones. It is of use until apprise is another one. Nothing about it is ever an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from meva_adapters.system.compiled import shelf
from meva_adapters.system.files import replacing
from meva_adapters.system.own_folders import NotOurs, check_own, own_folder
from meva_adapters.system.strict_json import read_json
from meva_core.errors import BadInput

FOLDER: Final = "alerts-1"
"""Another name for another form: what stands under an old one is never read."""
_FILE: Final = "known.json"
_ROUNDS: Final = 20_000
_DIGITS: Final = 3
_MOST: Final = 64
"""So many addresses are kept, the last ones."""
_DAMAGED: Final = (OSError, NotOurs, ValueError, KeyError, TypeError, BadInput)


@frozen
class Known:
    """What an address is: the name of its service, and its host where that may be seen, else nothing."""

    service: str
    host: str


def known(addresses: Sequence[str]) -> list[Known] | None:
    """Return what addresses are, None unless all of them were kept."""
    try:
        folder = _folder(make=False)
        check_own(folder / _FILE, file=True)
        kept = read_json((folder / _FILE).read_bytes())
        if kept["apprise"] != _apprise():
            return None
        found = [kept["addresses"][_digest(address, kept["salt"])] for address in addresses]
        return [Known(str(service), str(host)) for service, host in found]
    except _DAMAGED:
        return None


def keep(addresses: Mapping[str, Known]) -> None:
    """Keep what addresses are, where there is a folder that only this user can change, and unless two of them
    look alike."""
    with suppress(*_DAMAGED):
        folder = _folder(make=True)
        salt, there = _kept(folder)
        found = {_digest(address, salt): [one.service, one.host] for address, one in addresses.items()}
        if len(found) < len(addresses):
            return
        there = {name: one for name, one in there.items() if name not in found}
        newest = dict([*there.items(), *found.items()][-_MOST:])
        document = {"apprise": _apprise(), "salt": salt, "addresses": newest}
        with replacing(folder / _FILE) as file:
            file.write(json.dumps(document).encode())


def _kept(folder: Path) -> tuple[str, dict[str, Any]]:
    """Return the salt and the addresses that are kept, a new one and none where those are of no use."""
    with suppress(*_DAMAGED):
        check_own(folder / _FILE, file=True)
        kept = read_json((folder / _FILE).read_bytes())
        if kept["apprise"] == _apprise():
            return str(kept["salt"]), dict(kept["addresses"])
    return secrets.token_hex(16), {}


def _folder(*, make: bool) -> Path:
    above = shelf()
    if above is None:
        raise FileNotFoundError("there is no folder for what can be made again")
    return own_folder(above / FOLDER, make=make)


def _apprise() -> str:
    """Return what tells this apprise from another one, without loading it."""
    spec = find_spec("apprise")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("apprise is not installed")
    found = os.stat(spec.origin)
    return f"{spec.origin} {found.st_size} {found.st_mtime_ns}"


def _digest(address: str, salt: str) -> str:
    made = hashlib.pbkdf2_hmac("sha256", address.encode(), bytes.fromhex(salt), _ROUNDS)
    return made.hex()[:_DIGITS]
