"""A stretch as a database holds it: named by its run and its first cycle, with a checksum over all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, Literal

from attrs import evolve, frozen

from meva_core.ids import canonical_json, content_hash, stamp_text

LINK_BYTES: Final = 32
"""So many bytes of `links` belong to each cycle."""
FEW: Final = "few"
ALL: Final = "all"
Rows = Literal["few", "all"]
RESTORE: Final = "keep the file and restore a backup; `meva db check --deep` names all that is damaged"
"""What to do about a run of which something is not as it was written."""
STATES_APART: Final = 16_384
"""The first commit at or after so many cycles, and each time as many more, leaves its state for good."""


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
    rows: Rows
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

    def row(self) -> tuple[Any, ...]:
        """Return it as a row of stage7_stretches, in the order of STRETCH_COLUMNS; times are stored text."""
        moments = stamp_text(self.start), stamp_text(self.end)
        head = (self.run_id, self.seq, *moments, self.cycles, self.form, self.rows)
        return (*head, self.links, self.body, self.sha256)


STRETCH_COLUMNS: Final = (
    *("run_id", "seq", "start_ts", "end_ts", "cycles", "form", "rows"),
    *("links", "body", "sha256"),
)
STATE_COLUMNS: Final = ("run_id", "seq", "link", "state_json")
FORM_COLUMNS: Final = ("form", "document_json", "code_version")


def stored_stretch(
    run_id: str, seq: int, start: int, end: int, form: str, rows: Rows, links: bytes, body: bytes
) -> StoredStretch:
    """Return a stretch as it is stored, with its checksum."""
    cycles = len(links) // LINK_BYTES
    stretch = StoredStretch(run_id, seq, start, end, cycles, form, rows, links, body, b"")
    return evolve(stretch, sha256=stretch.checksum())


def states_until(seq: int, after: int) -> range:
    """Return the places, behind cycle `seq` and up to `after`, whose states are kept for good: each by the
    first commit that reaches it."""
    return range((seq // STATES_APART + 1) * STATES_APART, after + 1, STATES_APART)


def sealed(state: Mapping[str, Any], run_id: str, seq: int, link: bytes, *, begins: bool) -> dict[str, Any]:
    """Return the document of a state as stage7_states holds it: with the SHA-256 over what it is, whose, and
    whether columns begin with it that no others lie before."""
    return {**state, _SEAL: _seal(state, run_id, seq, link, begins=begins)}


def unsealed(document: Mapping[str, Any], run_id: str, seq: int, link: bytes) -> tuple[dict[str, Any], bool]:
    """Return the state of a row of stage7_states, and whether columns may begin with it.

    Raises ValueError if it has a seal that is not its own.
    """
    state = {name: value for name, value in document.items() if name != _SEAL}
    if _SEAL not in document:
        return state, True
    for begins in (False, True):
        if document[_SEAL] == _seal(state, run_id, seq, link, begins=begins):
            return state, begins
    raise ValueError("its SHA-256 is another")


_SEAL: Final = "sha256"


def _seal(state: Mapping[str, Any], run_id: str, seq: int, link: bytes, *, begins: bool) -> str:
    return content_hash([run_id, seq, link.hex(), state, begins])
