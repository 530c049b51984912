"""A stretch as a database holds it: named by its run and its first cycle, with a checksum over all."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

from attrs import frozen

from meva_core.ids import canonical_json

LINK_BYTES: Final = 32
"""So many bytes of `links` belong to each cycle."""
FEW: Final = "few"
ALL: Final = "all"


@frozen
class StoredStretch:
    """Consecutive cycles of one run.

    `seq` is the place of the first in the run, from 0; `start` and `end` are the times of the first and the
    last, seconds; `form` is the hex of the SHA-256 of what describes the body. `rows` says what stands beside
    it in the five tables that have a row for every cycle: nothing (`few`), or all of them (`all`). It is not
    under the checksum: rows may be made and taken away.
    """

    run_id: str
    seq: int
    start: int
    end: int
    cycles: int
    form: str
    rows: Literal["few", "all"]
    links: bytes
    body: bytes
    sha256: bytes

    def checksum(self) -> bytes:
        """Return the SHA-256 over all of it as stored, but `rows`: what `sha256` is where nothing is
        damaged."""
        head = [self.run_id, self.seq, self.start, self.end, self.cycles, self.form]
        digest = hashlib.sha256(canonical_json(head).encode() + b"\n")
        digest.update(self.links)
        digest.update(self.body)
        return digest.digest()
