"""docs/reference/fingerprint.md is right, and enough: its worked example follows with hashlib and struct
alone."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from meva_core.blocks import axes_of
from meva_core.cycle import KINDS, Out
from meva_core.engine import Engine
from meva_core.fingerprint import FIRST_FORM, CycleDigests, Digester, form_of
from meva_core.loop import interpreted
from meva_core.market import MICROS, Market, empty_market
from meva_core.params import COLUMNS_IF_SET, Params, own_tuned, params_from
from meva_core.rules import Rules, RuleStatus, SymbolRules, rules_columns
from meva_core.settings import build_settings
from meva_core.state import new_state
from meva_core.steps.inputs import no_inputs

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "fingerprint.md"
CHAIN = ("measure", "settle", "assess", "select", "plan", "build", "execute", "account")
SYMBOLS = ("ETHTRY",)
E8 = 10**8


# -- The example in the document ----------------------------------------------------------------------


def example() -> dict[str, Any]:
    """Return the JSON of the worked example."""
    [text] = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return {name: value for line in text.splitlines() for name, value in json.loads(line).items()}


def little(numbers: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *numbers)


def documented_digest(shown: dict[str, Any], step: str, cycle: int) -> str:
    """Hash what the document shows, as the document says."""
    tag = json.dumps(shown[f"{step} tag"], separators=(",", ":")).encode() + b"\n"
    head, body = little(shown[f"{step} head"]), little(shown[f"{step} {cycle}"])
    return hashlib.sha256(tag + head + body).hexdigest()


@pytest.mark.parametrize("cycle", [1, 2])
def test_the_digests_follow_from_the_numbers_beside_them(cycle: int) -> None:
    shown = example()
    for step in (*CHAIN, "adapt"):
        assert documented_digest(shown, step, cycle) == shown[f"sha256 {cycle}"][step], step


def test_the_fingerprint_follows_from_the_digests() -> None:
    shown, link = example(), bytes(32)
    for cycle in (1, 2):
        digests = [bytes.fromhex(shown[f"sha256 {cycle}"][step]) for step in CHAIN]
        link = hashlib.sha256(link + b"".join(digests)).digest()
        assert link.hex() == shown[f"sha256 {cycle}"]["link"]


def test_the_first_form_follows_from_the_tags_without_their_symbols() -> None:
    shown, form = example(), hashlib.sha256()
    for step in (*CHAIN, "adapt"):
        version, name, _, *rest = shown[f"{step} tag"]
        form.update(json.dumps([version, name, *rest], separators=(",", ":")).encode() + b"\n")
    assert form.hexdigest() in DOCUMENT.read_text()
    assert form.digest() == FIRST_FORM == form_of(params_from(build_settings({})))


# -- The run behind it --------------------------------------------------------------------------------


def tiny_market() -> Market:
    """Two minutes of one symbol: the ask of the second is low enough to fill a resting order."""
    market = empty_market(2, 1)
    market.time[:] = (1_767_225_600, 1_767_225_660)
    market.book_ts[:, 0] = market.ticker_ts[:, 0] = market.time * MICROS
    market.bid[:, 0] = (149_900 * E8, 149_700 * E8)
    market.ask[:, 0] = (150_100 * E8, 149_850 * E8)
    market.bid_qty[:, 0] = market.ask_qty[:, 0] = 2 * E8
    market.last[:, 0] = market.high[:, 0] = market.low[:, 0] = 150_000 * E8
    market.quote_volume[:, 0] = 25_000_000 * E8
    return market


def tiny_run() -> tuple[Market, Params, Rules, Out, list[CycleDigests]]:
    """Return what the engine makes of it: an order that rests, and its fill in the next cycle."""
    params, market = params_from(build_settings({})), tiny_market()
    rule = SymbolRules(SYMBOLS[0], RuleStatus.OK, Decimal(1), Decimal("1E-8"), Decimal("99.91"))
    rules = rules_columns([rule])
    state = new_state(1, 1_000 * E8, own_tuned(params), params.token_burst)
    [(start, stop, out)] = Engine(params, state, interpreted).advance(market, no_inputs(2, 1), rules)
    assert (start, stop) == (0, 2)
    assert out.journal.fills_end.tolist() == [0, 1]
    digests = list(Digester(SYMBOLS, params).digest(market, rules, out, 0, 2))
    return market, params, rules, out, digests


def head(tag: list[Any], params: Params, rules: Rules) -> list[int]:
    """Return the numbers that follow the tag and do not change from cycle to cycle."""
    numbers = [getattr(params, name) for name in tag[3]]
    if tag[1] == "measure":
        numbers += [int(number) for column in rules for number in column.reshape(-1)]
    return numbers


def body(tag: list[Any], c: int, market: Market, out: Out) -> Iterator[int]:
    """Yield a cycle's numbers in the order of the document, told by the names in the tag alone."""
    _, step, _, _, tuned, names = tag
    group = getattr(out, step, None)
    columns = [name for name in names if "." not in name]
    yield from (int(getattr(out.adapt, name)[c]) for name in tuned)
    found = [getattr(market, name, None) for name in columns] if step == "measure" else [None] * len(columns)
    found = [
        getattr(group, name) if column is None else column
        for name, column in zip(columns, found, strict=True)
    ]
    yield from (int(column[c]) for column in found if column.ndim == 1)
    for i in range(len(SYMBOLS)):
        yield from (int(column[c, i]) for column in found if column.ndim == 2)
    tables: dict[str, list[str]] = {}
    for name in names:
        if "." in name:
            tables.setdefault(name.partition(".")[0], []).append(name.partition(".")[2])
    for table, fields in tables.items():
        rows = list(journal_rows(table, step, c, out))
        yield len(rows)
        for row in rows:
            yield from (int(getattr(getattr(out.journal, table), field)[row]) for field in fields)


STEP_NUMBERS = {"settle": 0, "plan": 1, "execute": 2}


def journal_rows(table: str, step: str, c: int, out: Out) -> Iterator[int]:
    """Yield the rows of a journal table that belong to a cycle and a step, by their own cells."""
    columns = getattr(out.journal, table)
    used = int(out.journal.used[("intents", "events", "fills").index(table)])
    for row in range(used):
        if columns.cycle[row] == c and (table == "intents" or columns.step[row] == STEP_NUMBERS[step]):
            yield row


def example_lines() -> list[str]:
    """Return the lines that the document must show."""
    market, params, rules, out, digests = tiny_run()
    tags = {step: documented_tag(step) for step in (*CHAIN, "adapt")}
    lines: list[dict[str, Any]] = []
    for step, tag in tags.items():
        lines.append({f"{step} tag": tag})
        lines.append({f"{step} head": head(tag, params, rules)})
        lines += [{f"{step} {c + 1}": list(body(tag, c, market, out))} for c in range(2)]
    for c, found in enumerate(digests, start=1):
        named = dict(zip(CHAIN, (digest.hex() for digest in found.steps), strict=True))
        lines.append({f"sha256 {c}": named | {"adapt": found.adapt.hex(), "link": found.link.hex()}})
    return [json.dumps(line, separators=(",", ":")) for line in lines]


LATER = {column for columns in COLUMNS_IF_SET.values() for column in columns}
"""What came later stands in a table of its own."""


def documented_tag(step: str) -> list[Any]:
    """Return the tag of a step as the document shows it."""
    tag: list[Any] = example()[f"{step} tag"]
    return tag


def test_the_example_is_what_the_engine_and_the_digester_give() -> None:
    [text] = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert text.splitlines() == example_lines()


def test_columns_of_a_cycle_and_of_a_symbol_are_told_apart_as_the_document_lists_them() -> None:
    named = re.findall(r"^\| `(\w+)` +\| ([^|]+)\|([^|]+)\|", DOCUMENT.read_text(), re.MULTILINE)
    listed = {
        step: (re.findall(r"`(\w+)`", cycle), re.findall(r"`(\w+)`", symbol)) for step, cycle, symbol in named
    }
    for kind in KINDS:
        step = {"Measured": "measure", "Assessed": "assess", "Selected": "select", "Planned": "plan",
                "Accounted": "account", "Adapted": "adapt"}[kind.__name__]  # fmt: skip
        cycle_columns = [name for name in kind._fields if axes_of(kind)[name] == "c"]
        symbol_columns = [name for name in kind._fields if axes_of(kind)[name] == "ci"]
        later = [name for name in kind._fields if f"{step}.{name}" in LATER]
        cycle_columns = [name for name in cycle_columns if name not in later]
        symbol_columns = [name for name in symbol_columns if name not in later]
        assert all(f"`{name}`" in DOCUMENT.read_text() for name in later), step
        if step == "measure":
            cycle_columns, symbol_columns = ["time"], [*Market._fields[1:], *symbol_columns]
        assert listed[step] == (cycle_columns, symbol_columns), step
