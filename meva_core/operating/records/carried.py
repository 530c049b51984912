"""What the next cycle of a book begins with, beside the book itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import Factory, evolve, frozen

from meva_core.errors import BadInput, StoreCorrupt
from meva_core.ids import canonical_json, content_hash
from meva_core.operational.documents import Amount, document_of, from_document
from meva_core.operational.inputs import DegradeState, Listed, RiskState

_LATER: Final[Mapping[str, Any]] = {"unlooked": {}, "adopted": False, "offset": None}
"""What was not stored at first, as it is where it is absent: and so it is not stored then."""


@frozen(kw_only=True)
class Unlooked:
    """What is to be learnt of a pair: the orders that were made there from `since` on, before a process
    began; first asked for at `asked`, both in seconds. `told` says that a list has shown them once since."""

    since: int
    asked: int
    told: bool = False


@frozen(kw_only=True)
class Carried:
    """`risk` is none before the first cycle. `failed` says of a strategy in how many cycles running it
    failed, `stalls` of a due symbol in how many its fills were unread, `resting` for how many more cycles
    nothing of it is submitted; `valuations` are the last marks that there were, `refusals` the exchange's in
    the last cycle. `versions` are those of the strategies whose memories the book has, `listing` says which
    strategies wished for what it wants (`listing_of`), empty before the first cycle, `asked_at` when they
    were asked last, in seconds. `unlooked` are the pairs whose orders of before are still to be looked at.
    `adopted` says that the book was taken over from the earlier system and that no cycle has been decided
    since: the first one submits nothing, whichever process comes to it.
    `offset` is how far the exchange's time was ahead of ours, in microseconds, None where nobody asked.
    """

    risk: RiskState | None = None
    degrade: DegradeState = Factory(DegradeState)
    failed: Mapping[str, int] = Factory(dict)
    refusals: int = 0
    stalls: Mapping[str, int] = Factory(dict)
    resting: Mapping[str, int] = Factory(dict)
    valuations: Mapping[str, Amount] = Factory(dict)
    versions: Mapping[str, int] = Factory(dict)
    listing: str = ""
    asked_at: int | None = None
    unlooked: Mapping[str, Unlooked] = Factory(dict)
    adopted: bool = False
    offset: int | None = None

    def asked(self, strategies: Sequence[Listed], time: int) -> Carried:
        """Return what is carried on from a cycle, at a time in seconds, in which these strategies were
        asked."""
        versions = {**self.versions, **{one.id: _version(one) for one in strategies}}
        return evolve(self, versions=versions, listing=listing_of(strategies), asked_at=time)

    def before(self, strategies: Sequence[Listed]) -> int | None:
        """Return when these strategies were asked last, seconds; None where it was others, or nobody."""
        return self.asked_at if self.listing == listing_of(strategies) else None

    def memories_for(self, strategies: Sequence[Listed], memories: Mapping[str, str]) -> dict[str, str]:
        """Return a book's memories without those of another version of one of these strategies."""
        now = {one.id: _version(one) for one in strategies}
        return {
            name: text
            for name, text in memories.items()
            if now.get(name) in (None, self.versions.get(name, now.get(name)))
        }

    def wanted_by(self, strategies: Sequence[Listed], wanted: Mapping[str, int]) -> dict[str, int]:
        """Return the quantities that a book wants: none where other strategies wished for them."""
        return dict(wanted) if self.listing in ("", listing_of(strategies)) else {}


def listing_of(strategies: Sequence[Listed]) -> str:
    """Return a digest of which strategies are asked, as they are; their weights change nothing of it."""
    return content_hash(sorted([canonical_json([one.id, dict(one.identity)]) for one in strategies]))


def _version(listed: Listed) -> int:
    version: int = listed.identity.get("version", 0)
    return version


def text_of(carried: Carried) -> str:
    """Return it as its canonical JSON, which is what is stored."""
    document = document_of(carried)
    absent = {name for name, value in _LATER.items() if document[name] == value}
    return canonical_json({name: value for name, value in document.items() if name not in absent})


def carried_of(text: str, where: str) -> Carried:
    """Return what a text is of. Raises StoreCorrupt, naming `where`, for one that is of something else."""
    try:
        return from_document(Carried, {**_LATER, **json.loads(text)})
    except (BadInput, ValueError) as error:
        raise StoreCorrupt(
            f"{where}: cannot be read ({error})", action="keep the database, and restore a backup"
        ) from error
