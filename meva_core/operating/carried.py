"""What the next cycle of a book begins with, beside the book itself."""

from __future__ import annotations

import json
from collections.abc import Mapping

from attrs import Factory, frozen

from meva_core.errors import BadInput, StoreCorrupt
from meva_core.ids import canonical_json
from meva_core.operational.documents import Amount, document_of, from_document
from meva_core.operational.inputs import DegradeState, RiskState


@frozen(kw_only=True)
class Carried:
    """`risk` is none before the first cycle. `failed` says of a strategy in how many cycles running it
    failed, `stalls` of a due symbol in how many its fills were unread, `resting` for how many more cycles
    nothing of it is submitted; `valuations` are the last marks that there were, `refusals` the exchange's in
    the last cycle.
    """

    risk: RiskState | None = None
    degrade: DegradeState = Factory(DegradeState)
    failed: Mapping[str, int] = Factory(dict)
    refusals: int = 0
    stalls: Mapping[str, int] = Factory(dict)
    resting: Mapping[str, int] = Factory(dict)
    valuations: Mapping[str, Amount] = Factory(dict)


def text_of(carried: Carried) -> str:
    """Return it as its canonical JSON, which is what is stored."""
    return canonical_json(document_of(carried))


def carried_of(text: str, where: str) -> Carried:
    """Return what a text is of. Raises StoreCorrupt, naming `where`, for one that is of something else."""
    try:
        return from_document(Carried, json.loads(text))
    except (BadInput, ValueError) as error:
        raise StoreCorrupt(
            f"{where}: cannot be read ({error})", action="keep the database, and restore a backup"
        ) from error
