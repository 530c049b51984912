"""One process of this host at a time for an account, whatever its database: a file that is held locked.

Two databases know nothing of each other, and each would take the other's orders for strays.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from meva_core.errors import BadInput

_MOST: Final = 200


@contextmanager
def locked_account(folder: Path, account: str) -> Iterator[None]:
    """Hold an account while this lasts; the file in `folder` names the account, not its key.

    It stays where it is: what it holds ends with the process, however that ends. Raises BadInput while
    another process has the account, naming it, and OSError where there can be no such file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"account-{account}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, _MOST, 0).decode(errors="replace").strip() or "another process"
            raise BadInput(
                f"account {account} is traded by {holder} on this host; nothing was sent",
                action="end that process: of two that trade one account each takes the other's orders for "
                "strays",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
