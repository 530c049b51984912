"""What the engine saw and put out comes back out of a stored stretch, column by column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from golden_worlds import KINDS
from kept_worlds import CODEC, Kept, kept, with_cell
from nightly import every
from oracle.engine_view import engine_of

from meva_core.cycle import Out
from meva_core.engine import Engine
from meva_core.errors import StoreCorrupt
from meva_core.fingerprint import Digester
from meva_core.market import Market
from meva_core.params import columns_off
from meva_core.rules import Rules
from meva_core.steps.inputs import Inputs
from meva_core.stretches import body
from meva_core.stretches.groups import RuleRows
from meva_core.stretches.layout import SIZES, TABLES, layout_of
from meva_core.stretches.opened import Opened, Span, open_stretch, together, whole
from meva_core.stretches.rule_rows import KnownSpans
from meva_core.stretches.stored import StoredStretch


def opened(one: Kept, stored: StoredStretch | None = None) -> Opened:
    return open_stretch(stored or one.stored, one.world.symbols, one.layout, CODEC)


def joined(one: Kept, *path: str) -> Any:
    """Return a column over all that was seen."""
    parts = []
    for seen in one.seen:
        column: Any = seen
        for name in path:
            column = getattr(column, name)
        parts.append(column[seen.start : seen.stop])
    return np.concatenate(parts)


@pytest.mark.parametrize("rows", [40, 4096])
@pytest.mark.parametrize("name", every(2, [*KINDS]))
def test_every_column_comes_back(name: str, rows: int) -> None:
    one = kept(name, rows)
    assert rows > 40 or len(one.seen) > 1 or name in ("small", "stale", "tiny prices", "huge"), len(one.seen)
    found = opened(one)
    off = columns_off(one.params)
    for group, kind in (("market", Market), ("inputs", Inputs)):
        for column in kind._fields:
            if f"{group}.{column}" in off:
                assert not getattr(getattr(found, group), column).any(), column
                continue
            assert np.array_equal(getattr(getattr(found, group), column), joined(one, group, column)), column
    for step in Out._fields[:-1]:
        for column in getattr(one.seen[0].out, step)._fields:
            back = getattr(getattr(found.out, step), column)
            assert np.array_equal(back, joined(one, "out", step, column)), (step, column)


@pytest.mark.parametrize("rows", [40, 4096])
@pytest.mark.parametrize("name", KINDS)
def test_digests_are_the_same_out_of_stored_columns(name: str, rows: int) -> None:
    one = kept(name, rows)
    found = opened(one)
    [span] = found.spans()
    digester = Digester(one.world.symbols, one.params)
    digests = digester.digest(span.market, span.rules, span.out, 0, span.cycles)
    links = [digest.link for digest in digests]
    assert links == found.links()
    assert digester.link == one.fingerprint


@pytest.mark.parametrize("name", KINDS)
def test_the_cycles_can_be_decided_again(name: str) -> None:
    one = kept(name)
    found = opened(one)
    engine: Engine = engine_of(one.world)
    digester = Digester(one.world.symbols, one.params)
    for span in found.spans():
        market, inputs = whole(span.market, Market), whole(span.inputs, Inputs)
        for start, stop, out in engine.advance(market, inputs, span.rules):
            list(digester.digest(market, span.rules, out, start, stop))
    assert digester.link == one.fingerprint


@pytest.mark.parametrize("cuts", [(), (1,), (3, 4, 11, 30)])
@pytest.mark.parametrize("name", KINDS)
def test_spans_that_follow_each_other_are_one_again(name: str, cuts: tuple[int, ...]) -> None:
    one = kept(name)
    found = opened(one)
    [span] = found.spans()
    parts = list(found.spans(cuts))
    assert len(parts) == len(cuts) + 1
    joint = together(parts)
    assert (joint.start, joint.cycles) == (0, span.cycles)
    assert joint.rules is parts[0].rules
    for group, columns in named_groups(span):
        for column in columns._fields:
            if column != "used":
                joined_up = getattr(dict(named_groups(joint))[group], column)
                assert np.array_equal(joined_up, getattr(columns, column)), (group, column)
    digests = Digester(one.world.symbols, one.params).digest(
        joint.market, joint.rules, joint.out, 0, joint.cycles
    )
    assert [digest.link for digest in digests] == found.links()


def named_groups(span: Span) -> Iterator[tuple[str, Any]]:
    """Yield all groups of columns of a span."""
    yield from (("market", span.market), ("inputs", span.inputs), ("ends", span.out.journal))
    yield from ((step, getattr(span.out, step)) for step in Out._fields[:-1])
    yield from ((table, getattr(span.out.journal, table)) for table in TABLES)


class Counting:
    """The codec, and what it was asked for: the widths of matrices, and how many columns of them."""

    def __init__(self) -> None:
        self.matrices: list[int] = []
        self.asked: list[int] = []

    def unpack(self, packed: memoryview, columns: int, rows: int) -> Any:
        self.matrices.append(columns)
        return CODEC.unpack(packed, columns, rows)

    def columns(self, matrices: Sequence[Any], first: int, last: int) -> Any:
        self.asked.append(last - first)
        return CODEC.columns(matrices, first, last)

    def pack(self, matrix: Any) -> bytes:
        raise AssertionError


def test_only_what_is_looked_at_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "_TOGETHER", 1)
    one, codec = kept("ordinary"), Counting()
    found = open_stretch(one.stored, one.world.symbols, one.layout, codec)
    assert codec.matrices == []
    assert len(found.market.time) == one.stored.cycles
    assert (codec.matrices, codec.asked) == ([1], [1])
    account = found.out.account
    assert len(account.equity_whole) == len(account.cash_rest) == one.stored.cycles
    assert (len(codec.matrices), codec.asked[1:]) == (2, [2, 2]), "both halves of each amount"
    assert len(account.cash_whole) == len(account.equity_rest) == one.stored.cycles
    assert codec.asked[3:] == []
    assert len(account.max_drawdown) == one.stored.cycles
    assert codec.asked[3:] == [1]
    assert account.value.shape == (one.stored.cycles, len(one.world.symbols))
    assert codec.asked[4:] == [len(one.world.symbols)]


def test_short_columns_of_a_frame_are_unpacked_together() -> None:
    one, codec = kept("ordinary"), Counting()
    rules = open_stretch(one.stored, one.world.symbols, one.layout, codec).rules
    assert len(rules.cycle) == len(rules.tick) == len(one.world.symbols)
    assert codec.asked == [len(SIZES), len(RuleRows._fields)]


def joint_of(codec: Any, *stretches: tuple[Kept, StoredStretch]) -> Span:
    """Return stretches of runs with the same symbols and rules as if they followed each other."""
    spans: list[Span] = []
    for one, stored in stretches:
        spans += open_stretch(stored, one.world.symbols, one.layout, codec).spans()
    return together(spans)


def test_a_column_of_several_stretches_is_unpacked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one, codec = kept("ordinary"), Counting()
    joint = joint_of(codec, *[(one, one.stored)] * 3)
    codec.matrices, codec.asked = [], []  # of their rules
    assert np.array_equal(joint.market.time, np.tile(opened(one).market.time, 3))
    assert (codec.matrices, codec.asked) == ([1, 1, 1], [1])
    equity = np.tile(opened(one).out.account.equity_whole, 3)
    monkeypatch.setattr(body, "_TOGETHER", 1)
    assert np.array_equal(joint.out.account.equity_whole, equity)
    assert codec.asked[1:] == [2], "both halves of the amount, of all"


def test_stretches_of_other_lengths_are_joined_as_well() -> None:
    one, longer = kept("ordinary"), kept("adapting")
    assert one.stored.cycles < longer.stored.cycles
    for parts in ([one, longer], [longer, one, longer, one]):
        joint = joint_of(CODEC, *((part, part.stored) for part in parts))
        for step, name in (("account", "equity_rest"), ("account", "value"), ("plan", "mode")):
            each = [getattr(getattr(opened(part).out, step), name) for part in parts]
            assert np.array_equal(getattr(getattr(joint.out, step), name), np.concatenate(each)), name


def test_of_several_stretches_the_damaged_one_is_named() -> None:
    one = kept("ordinary")
    impossible = with_cell(one, "plan", "mode", 0, lambda _: 9)
    later = evolve(impossible, start=impossible.start + 60)
    later = evolve(later, sha256=later.checksum())
    with pytest.raises(StoreCorrupt, match=r"cycles 2025-12-31T23:49:00.*plan\.mode: it holds 9"):
        joint_of(CODEC, (one, one.stored), (one, later)).out.plan.mode  # noqa: B018 - looking is unpacking
    frames = [None, *one.layout.frames]
    ends = np.cumsum([4 * len(frames), *np.frombuffer(later.body, "<u4", len(frames))])
    place = frames.index(one.layout.frame_of("account", "cash_rest"))
    raw = bytearray(later.body)
    raw[ends[place] : ends[place + 1]] = bytes(ends[place + 1] - ends[place])
    broken = evolve(later, body=bytes(raw))
    broken = evolve(broken, sha256=broken.checksum())
    joint = joint_of(CODEC, (one, one.stored), (one, broken))
    with pytest.raises(StoreCorrupt, match=r"cycles 2025-12-31T23:49:00.*account\.cash_rest: "):
        joint.out.account.cash_rest  # noqa: B018


def test_rules_of_the_stretch_before_are_not_made_again_and_never_mistaken() -> None:
    one, known = kept("ordinary"), KnownSpans()

    def rules_of(stored: StoredStretch) -> Rules:
        [span] = open_stretch(stored, one.world.symbols, one.layout, CODEC, known).spans()
        return span.rules

    others = with_cell(one, "rules", "lot", 0, lambda lot: lot + 1)
    first, again, other, last = map(rules_of, (one.stored, one.stored, others, one.stored))
    assert again is first
    assert other.lot.tolist() == [first.lot[0] + 1, *first.lot[1:]]
    assert last.lot.tolist() == first.lot.tolist()


@pytest.mark.parametrize("name", ["ordinary", "faults", "adapting"])
def test_a_changed_byte_is_found_before_anything_is_unpacked(name: str) -> None:
    one = kept(name)
    for field in ("body", "links", "sha256"):
        raw = bytearray(getattr(one.stored, field))
        for at in range(0, len(raw), max(1, len(raw) // 50)):
            raw[at] ^= 1
            with pytest.raises(StoreCorrupt, match=r"run testrun, cycles 2025-12-31T23:48:00.* SHA-256"):
                opened(one, evolve(one.stored, **{field: bytes(raw)}))
            raw[at] ^= 1
    for field, value in (("start", 0), ("end", 9), ("cycles", 3), ("seq", 1), ("run_id", "another")):
        with pytest.raises(StoreCorrupt, match="SHA-256"):
            opened(one, evolve(one.stored, **{field: value}))


def test_what_was_hashed_anew_over_damage_is_named_too() -> None:
    one = kept("ordinary")
    for cut in (b"", one.stored.body[:3], one.stored.body[:-1], one.stored.body + b"x"):
        worse = evolve(one.stored, body=cut)
        worse = evolve(worse, sha256=worse.checksum())
        with pytest.raises(StoreCorrupt, match="run testrun"):
            opened(one, worse)
    short = evolve(one.stored, links=one.stored.links[:-32])
    with pytest.raises(StoreCorrupt, match="links"):
        opened(one, evolve(short, sha256=short.checksum()))
    more = evolve(one.stored, cycles=one.stored.cycles + 1, links=one.stored.links + bytes(32))
    found = opened(one, evolve(more, sha256=more.checksum()))
    with pytest.raises(StoreCorrupt, match=r"market\.time"):
        found.market.time  # noqa: B018 - looking at it is what unpacks it


def test_rows_of_a_stretch_say_nothing_of_its_content() -> None:
    one = kept("ordinary")
    assert opened(one, evolve(one.stored, rows="few")).links() == opened(one).links()


def test_bars_and_aside_are_parts_of_a_form_of_their_own() -> None:
    params = kept("ordinary").params
    forms = {
        layout_of(params, bars=bars, aside=aside).form() for bars in (False, True) for aside in (False, True)
    }
    assert len(forms) == 4
