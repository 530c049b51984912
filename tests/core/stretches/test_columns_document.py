"""docs/reference/columns.md, followed to the letter by a reader that knows nothing else."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import Any

import pytest
import zstandard
from kept_worlds import kept

SIZED = ("bars", "rules", "intents", "events", "fills")


def unpacked(frame: bytes, columns: int, rows: int) -> list[list[int]]:
    """A matrix [columns, rows] out of its frame."""
    raw = zstandard.ZstdDecompressor().decompress(frame)
    assert len(raw) == columns * rows * 8
    matrix = []
    for place in range(columns):
        planes = raw[place * rows * 8 : (place + 1) * rows * 8]
        column, before = [], 0
        for row in range(rows):
            folded = int.from_bytes(bytes(planes[plane * rows + row] for plane in range(8)), "little")
            step = (folded >> 1) ^ -(folded & 1)
            before = (before + step + 2**63) % 2**64 - 2**63
            column.append(before)
        matrix.append(column)
    return matrix


def read(body: bytes, form: dict[str, Any], cycles: int, symbols: int) -> dict[str, list[Any]]:
    """All columns of a body by group.name: [rows], or [symbol][rows]."""
    count = 1 + len(form["frames"])
    lengths = struct.unpack(f"<{count}I", body[: 4 * count])
    frames, at = [], 4 * count
    for length in lengths:
        frames.append(body[at : at + length])
        at += length
    assert at == len(body)
    sizes = dict(zip(form["sizes"], (row[0] for row in unpacked(frames[0], len(SIZED), 1)), strict=True))
    found: dict[str, list[Any]] = {}
    for frame, (group, names, by_symbol) in zip(frames[1:], form["frames"], strict=True):
        each = symbols if by_symbol else 1
        matrix = unpacked(frame, len(names) * each, sizes.get(group, cycles))
        for place, name in enumerate(names):
            part = matrix[place * each : (place + 1) * each]
            found[f"{group}.{name}"] = part if by_symbol else part[0]
    return found


@pytest.mark.parametrize("name", ["ordinary", "adapting"])
def test_another_program_can_read_a_stretch(name: str) -> None:
    one = kept(name)
    stored, document = one.stored, one.layout.document()
    text = json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == stored.form
    assert tuple(document["sizes"]) == SIZED
    head = [stored.run_id, stored.seq, stored.start, stored.end, stored.cycles, stored.form]
    said = json.dumps(head, separators=(",", ":")).encode() + b"\n" + stored.links + stored.body
    assert hashlib.sha256(said).digest() == stored.sha256
    found = read(stored.body, document, stored.cycles, len(one.world.symbols))
    [seen] = one.seen
    assert found["market.time"] == seen.market.time.tolist()
    assert found["market.bid"] == seen.market.bid.T.tolist()
    assert found["account.equity_whole"] == seen.out.account.equity_whole.tolist()
    assert found["plan.target"] == seen.out.plan.target.T.tolist()
    fills = int(seen.out.journal.fills_end[-1])
    assert found["fills.qty"] == seen.out.journal.fills.qty[:fills].tolist()
    assert found["ends.fills_end"] == seen.out.journal.fills_end.tolist()
    assert found["rules.tick"] == seen.rules.tick.tolist()
