"""Whether the columns of a run are those that were written, as far as that is told without opening them."""

from __future__ import annotations

from collections.abc import Iterator

from meva_core.chains import refuse_lost
from meva_core.errors import StoreCorrupt
from meva_core.ports import Reads
from meva_core.stretches.opened import refuse_altered


def damaged_columns(reads: Reads, run_id: str) -> Iterator[str]:
    """Yield what is damaged of the stretches of a run: that cycles are lost, and each stretch that is not
    what its SHA-256 is of. It costs a second for a gigabyte of them."""
    try:
        refuse_lost(reads, run_id)
    except StoreCorrupt as error:
        yield str(error)
    try:
        for stored in reads.stretches(run_id):
            try:
                refuse_altered(stored)
            except StoreCorrupt as error:
                yield str(error)
    except StoreCorrupt as error:
        yield str(error)
