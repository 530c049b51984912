"""The rows that columns are stored as: a stretch, what its columns are called, and states to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meva_core.ports import Reads, UnitOfWork
from meva_core.stages.codec import Codec
from meva_core.stretches.layout import Layout
from meva_core.stretches.stored import (
    FORM_COLUMNS,
    STATE_COLUMNS,
    STRETCH_COLUMNS,
    StoredStretch,
    sealed,
    states_until,
)


def insert_stretch(
    work: UnitOfWork,
    codec: Codec,
    stretch: StoredStretch,
    layout: Layout,
    code_version: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
) -> None:
    """Store a stretch, its form where it is new, and the states that a proof may begin with.

    `before` is what the run's first cycle of this process began with, None where that is stored already or
    is a new book; `after` what the cycle after the stretch needs.
    """
    form = stretch.form
    if next(work.rows("stage7_forms", ("form",), where={"form": form}), None) is None:
        work.insert("stage7_forms", FORM_COLUMNS, [(form, codec.encode(layout.document()), code_version)])
    work.insert("stage7_stretches", STRETCH_COLUMNS, [stretch.row()])
    states = []
    if before is not None and not _has_columns_before(work, stretch):
        states.append(_state_row(codec, stretch.run_id, before, begins=True))
    if states_until(stretch.seq, after["seq"]):
        states.append(_state_row(codec, stretch.run_id, after, begins=False))
    work.insert("stage7_states", STATE_COLUMNS, states)


def _state_row(codec: Codec, run: str, document: Mapping[str, Any], *, begins: bool) -> tuple[Any, ...]:
    seq, link = document["seq"], bytes.fromhex(document["link"])
    return run, seq, link, codec.encode(sealed(document["state"], run, seq, link, begins=begins))


def _has_columns_before(reads: Reads, stretch: StoredStretch) -> bool:
    """Whether the run has columns of the cycle before a stretch."""
    columns = ("seq", "cycles")
    found = reads.rows("stage7_stretches", columns, run_id=stretch.run_id, newest_first=True, limit=2)
    return any(seq + cycles == stretch.seq for seq, cycles in found)
