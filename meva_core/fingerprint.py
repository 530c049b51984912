"""Digests: one SHA-256 per step and cycle, chained; the last link is the run's fingerprint.

The canonical form of a step's output is, in this order:

1. a tag: JSON of format version, step, symbols in order, and the names of parameters and columns, without
those that came after the first form and are switched off;
2. the parameters that the step reads, used or not, as little-endian int64; for measure also the exchange
rules that held in the cycle; 3. the cycle's values of the tuned parameters that the step reads;
4. the columns with one value per cycle, then those with one per symbol, symbol by symbol;
5. the numbers of its journal rows, and the rows.

A link is the SHA-256 over the link before (32 zero bytes for the first cycle) and the eight digests. Ids,
wall-clock times, engines and databases are in none of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import numpy as np
from attrs import frozen

from meva_core.blocks import side_by_side
from meva_core.cycle import Out
from meva_core.ids import canonical_json
from meva_core.journal import Events, Fills, Intents
from meva_core.market import Market
from meva_core.params import COLUMNS_IF_SET, READS_TUNED, Params, columns_off, reads
from meva_core.rules import Rules
from meva_core.steps.account import Accounted
from meva_core.steps.adapt import Adapted
from meva_core.steps.assess import Assessed
from meva_core.steps.measure import Measured
from meva_core.steps.plan import Planned
from meva_core.steps.select import Selected

FORMAT: Final = 1
STEPS: Final = ("measure", "settle", "assess", "select", "plan", "build", "execute", "account")
NO_LINK: Final = bytes(32)
FIRST_FORM: Final = bytes.fromhex("477a632e043054443b58e0daa960e0c07f18b169864716827a41b1b1fe5897fe")
"""The form (`form_of`) of every run that switches nothing on which came after it."""
ROWS: Final = {
    "settle": ("events", "fills"),
    "plan": ("events",),
    "build": ("intents",),
    "execute": ("events", "fills"),
}
"""Which rows of the journal a step writes."""
_NO_ROWS: Final = bytes(8)
"""Of a cycle: how many there are."""
GROUPS: Final[dict[str, Any]] = {
    "measure": Measured,
    "assess": Assessed,
    "select": Selected,
    "plan": Planned,
    "account": Accounted,
    "adapt": Adapted,
}
"""The columns of the steps that have some."""


@frozen
class CycleDigests:
    """The digests of one cycle: by step in the order of STEPS, adapt's beside the chain, and the link."""

    steps: tuple[bytes, ...]
    adapt: bytes
    link: bytes


class Digester:
    """Digests the cycles of one book, stretch by stretch, carrying the chain along."""

    def __init__(self, symbols: Sequence[str], params: Params, link: bytes = NO_LINK) -> None:
        """Begin after the cycle whose link is `link`."""
        self.link = link
        self._off = columns_off(params)
        self._heads = {step: _head(step, symbols, params) for step in (*STEPS, "adapt")}

    def digest(self, market: Market, rules: Rules, out: Out, start: int, stop: int) -> Iterator[CycleDigests]:
        """Yield the digests of cycles [start, stop) of a stretch, in which `rules` held."""
        heads = {step: head.copy() for step, head in self._heads.items()}
        for name in _kept("rules", Rules, self._off):
            heads["measure"].update(_little(getattr(rules, name)))
        *steps, adapts = (
            _digests(head, _bodies(step, market, out, start, stop, self._off)) for step, head in heads.items()
        )
        for each, adapt in zip(zip(*steps, strict=True), adapts, strict=True):
            self.link = hashlib.sha256(b"".join((self.link, *each))).digest()
            yield CycleDigests(each, adapt, self.link)


def _digests(head: Any, bodies: list[bytes]) -> list[bytes]:
    """Return the digests of a step's bodies; of one that is like the one before, so is the digest."""
    found, before, digest = [], None, b""
    for body in bodies:
        if body != before:
            one = head.copy()
            one.update(body)
            before, digest = body, one.digest()
        found.append(digest)
    return found


def columns_of(step: str, out: Out) -> Any:
    """Return the group of columns that a step writes, None for steps that write only the journal."""
    return getattr(out, step, None)


def form_of(params: Params) -> bytes:
    """Return the form of the fingerprints of runs with these parameters.

    It is the SHA-256 over the tags of all steps and of adapt, each with its newline, their symbols left out.
    """
    form = hashlib.sha256()
    for tag in tags(params):
        form.update(tag.encode() + b"\n")
    return form.digest()


def tags(params: Params) -> list[str]:
    """Return the tags of all steps and of adapt, the symbols left out: what was decided is told by them."""
    return [_tag(step, params) for step in (*STEPS, "adapt")]


def _tag(step: str, params: Params, *symbols: Sequence[str]) -> str:
    """Return what a step's canonical form begins with, but for its newline."""
    off = columns_off(params)
    return canonical_json(
        [FORMAT, step, *map(list, symbols), reads(step, params), _tuned(step, off), _columns(step, off)]
    )


def _head(step: str, symbols: Sequence[str], params: Params) -> Any:
    """Return a hash that has taken in the tag and the parameters."""
    head = hashlib.sha256(_tag(step, params, symbols).encode() + b"\n")
    numbers = [getattr(params, name) for name in reads(step, params)]
    head.update(_little(np.array(numbers, dtype=np.int64)))
    return head


def _columns(step: str, off: Collection[str]) -> list[str]:
    """Return the names of a step's columns and rows, as its tag lists them."""
    names = _kept(step, GROUPS[step], off) if step in GROUPS else []
    if step == "measure":
        later = {column for columns in COLUMNS_IF_SET.values() for column in columns}
        of_rules = [name for name in _kept("rules", Rules, off) if f"rules.{name}" in later]
        names = [*(f"rules.{name}" for name in of_rules), *_kept("market", Market, off), *names]
    rows: dict[str, Any] = {"intents": Intents, "events": Events, "fills": Fills}
    return names + [
        f"{table}.{name}" for table in ROWS.get(step, ()) for name in _kept(table, rows[table], off)[1:]
    ]


def _tuned(step: str, off: Collection[str]) -> list[str]:
    """Return the tuned parameters that a step reads; they are columns of adapt."""
    return [name for name in READS_TUNED.get(step, ()) if f"adapt.{name}" not in off]


def _kept(group: str, kind: Any, off: Collection[str]) -> list[str]:
    """Return the names of a group's columns without those that are switched off."""
    return [name for name in kind._fields if f"{group}.{name}" not in off]


def _little(column: Any) -> bytes:
    raw: bytes = np.ascontiguousarray(column, dtype="<i8").tobytes()
    return raw


def _bodies(step: str, market: Market, out: Out, start: int, stop: int, off: Collection[str]) -> list[Any]:
    """Return, for every cycle of a stretch, the bytes that follow the head."""
    tuned = tuple(getattr(out.adapt, name) for name in _tuned(step, off))
    group = columns_of(step, out)
    kept = () if group is None else tuple(getattr(group, name) for name in _kept(step, group, off))
    by_cycle = tuple(column for column in kept if column.ndim == 1)
    by_symbol = tuple(column for column in kept if column.ndim == 2)
    if step == "measure":
        known = tuple(getattr(market, name) for name in _kept("market", market, off))
        parts = [tuned, known[:1], by_cycle], [known[1:], by_symbol]
    else:
        parts = [tuned, by_cycle], [by_symbol]
    fixed = _rows_of_bytes(*([_together(part, start, stop) for part in some if part] for some in parts))
    rows = (_journal_bytes(step, table, out, start, stop, off) for table in ROWS.get(step, ()))
    found = [part for part in (fixed, *rows) if part]
    return found[0] if len(found) == 1 else list(map(b"".join, zip(*found, strict=True)))


def _together(columns: tuple[Any, ...], start: int, stop: int) -> Any:
    """Return rows [start, stop) of columns as one array, the last axis over them: as a step's columns lie, or
    a copy where they lie otherwise."""
    cut = tuple(column[start:stop] for column in columns)
    found = side_by_side(cut)
    return np.stack(cut, axis=-1) if found is None else found


def _rows_of_bytes(by_cycle: Sequence[Any], by_symbol: Sequence[Any]) -> list[bytes]:
    """Return each cycle's values as bytes: those it has once, then those of each symbol. They are copied
    once."""
    if not by_cycle and not by_symbol:
        return []
    count, symbols = len((*by_cycle, *by_symbol)[0]), by_symbol[0].shape[1] if by_symbol else 0
    once, each = (sum(part.shape[-1] for part in parts) for parts in (by_cycle, by_symbol))
    rows = np.empty((count, once + symbols * each), dtype="<i8")
    cells = rows[:, once:].reshape(count, symbols, each)  # a view: the last axis is split
    for target, parts in ((rows, by_cycle), (cells, by_symbol)):
        at = 0
        for part in parts:
            target[..., at : at + part.shape[-1]] = part
            at += part.shape[-1]
    raw, width = rows.tobytes(), rows.shape[1] * 8
    return [raw[at : at + width] for at in range(0, len(raw), width)]


def _journal_bytes(
    step: str, table: str, out: Out, start: int, stop: int, off: Collection[str]
) -> list[bytes]:
    """Return, for every cycle, how many rows of a table the step wrote, and the rows."""
    first, last = row_bounds(step, table, out, start, stop)
    group = getattr(out.journal, table)
    columns = tuple(getattr(group, name) for name in _kept(table, group, off)[1:])
    used = int(last[-1]) if len(last) else 0
    raw, width = _little(_together(columns, 0, used)), len(columns) * 8
    found = [_NO_ROWS] * (stop - start)
    for c in np.flatnonzero(last > first).tolist():
        a, b = int(first[c]), int(last[c])
        found[c] = (b - a).to_bytes(8, "little") + raw[a * width : b * width]
    return found


def row_bounds(step: str, table: str, out: Out, start: int, stop: int) -> tuple[Any, Any]:
    """Return where each cycle's rows of a journal table begin and end that one step wrote, as two arrays."""
    j = out.journal
    if table == "intents":
        return _shifted(j.intents_end[start:stop]), j.intents_end[start:stop]
    if table == "fills":
        if step == "settle":
            return _shifted(j.fills_end[start:stop]), j.settle_fills_end[start:stop]
        return j.settle_fills_end[start:stop], j.fills_end[start:stop]
    if step == "settle":
        return _shifted(j.events_end[start:stop]), j.settle_events_end[start:stop]
    if step == "plan":
        return j.settle_events_end[start:stop], j.plan_events_end[start:stop]
    return j.plan_events_end[start:stop], j.events_end[start:stop]


def _shifted(ends: Any) -> Any:
    """Return where each cycle's rows begin: where those of the cycle before it end."""
    return np.concatenate(([0], ends[:-1]))
