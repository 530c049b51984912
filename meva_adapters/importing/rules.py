"""Which exchange rules a dataset gets: those of a file, BTCTurk's own of the pairs that come with Meva, or
none, and then the settings' fallback rules stand in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from meva_adapters.emulator.markets.builtin import builtin_document
from meva_adapters.replay.plans import pair_entries
from meva_adapters.system.strict_json import read_json_file
from meva_core.amounts import parse_e8
from meva_core.errors import BadInput
from meva_core.rules import FallbackRules, symbol_rules


@frozen
class ImportedRules:
    """The rules of a dataset: its document (None for none), ticks in e8 by symbol, where they are from."""

    document: bytes | None
    ticks: Mapping[str, int]
    told: str

    def lacks(self, symbols: Sequence[str]) -> list[str]:
        """Return the symbols that have no rules of their own."""
        return [symbol for symbol in symbols if symbol not in self.ticks]


def rules_for(symbols: Sequence[str], path: Path | None) -> ImportedRules:
    """Return the rules of `symbols`. Raises BadInput for a file that is no metadata of an exchange."""
    if path is not None:
        return _of_file(symbols, path)
    document = builtin_document()
    kept = [entry for entry in document["symbols"] if entry["name"] in symbols]
    if not kept:
        return ImportedRules(None, {}, "none: the settings' fallback rules stand in")
    names = ", ".join(sorted(entry["name"] for entry in kept))
    data = json.dumps({"symbols": kept}, indent=1, sort_keys=True).encode() + b"\n"
    entries = {entry["name"]: entry for entry in kept}
    return ImportedRules(data, _ticks(symbols, entries), f"BTCTurk's as they come with Meva, for {names}")


def _of_file(symbols: Sequence[str], path: Path) -> ImportedRules:
    tree = read_json_file(path, action="save the exchange's own answer, or leave --exchangeinfo out")
    try:
        entries = pair_entries(tree) or {}
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{path}: not the exchange's metadata: expected an object with a list 'symbols' of named pairs",
            action="save the exchange's own answer, or leave --exchangeinfo out",
        ) from error
    return ImportedRules(path.read_bytes(), _ticks(symbols, entries), f"of {path.name}")


def _ticks(symbols: Sequence[str], entries: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    found = {}
    for symbol in symbols:
        rules = symbol_rules(symbol, entries.get(symbol), FallbackRules())
        if rules.usable and rules.tick_size is not None:
            found[symbol] = parse_e8(rules.tick_size, "tick")
    return found
