"""What lies beside the market of a run that was written out: its cycles, its rules, its settings, and what it
began with. Checked as a whole before any of it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from attrs import field, frozen

from meva_adapters.replay.checking.documents import read_json
from meva_adapters.replay.checking.files import SourceFile, whole_lines
from meva_adapters.replay.format.bar_lines import BAR_COLUMNS, read_bar
from meva_adapters.replay.format.faults import FaultList
from meva_adapters.replay.format.layout import (
    AHEAD_SECONDS,
    BARS,
    CYCLES,
    GENESIS,
    KNOWN,
    MANIFEST,
    MAX_LINE,
    OF_A_RUN,
    RULES,
    SETTINGS,
)
from meva_adapters.replay.format.run_lines import (
    CYCLE_COLUMNS,
    RULE_COLUMNS,
    STRATEGY_COLUMNS,
    read_cycle,
    read_rule,
)
from meva_core.blocks import new_group
from meva_core.errors import BadInput
from meva_core.rules import LETTERS, Rules, letters_of
from meva_core.settings import settings_recorded
from meva_core.stages.books import genesis
from meva_core.stages.conditions import Beginning
from meva_core.steps.inputs import BY_CYCLE, Inputs, no_inputs
from meva_core.strategy.as_seen import Cell
from meva_core.stretches import groups
from meva_core.stretches.recorded import UNREADABLE

_BLOCK: Final = 2**20
_AGAIN: Final = "write the run out again: meva replay export"
_NEEDED: Final = (CYCLES, RULES, SETTINGS)


@frozen(eq=False)
class RunFiles:
    """What was found, without a fault: the times of the cycles, int64 seconds, their inputs, the settings as
    the run's row keeps them, and what it began with, None for a new book. `rows` counts the tables' rows."""

    times: Any
    inputs: Inputs
    settings: Mapping[str, Any]
    begins: Beginning | None
    symbols: tuple[str, ...]
    rows: Mapping[str, int]
    _rules: SourceFile
    _bars: Mapping[int, Mapping[str, SourceFile]] = field(factory=dict)
    """The bars that a strategy looked at, by interval in seconds and by symbol."""

    @property
    def bar_seconds(self) -> tuple[int, ...]:
        """The intervals of the bars that a strategy looked at."""
        return tuple(self._bars)

    def bars(self, seconds: int, symbol: str, place: int) -> Iterator[Cell]:
        """Yield the bars of a symbol, which has that place among those asked for, in the order of their ends.

        Raises BadInput if the file is not what it was when it was checked.
        """
        file = self._bars[seconds].get(symbol)
        if file is not None:
            for _, cells in _lines(file, (BAR_COLUMNS,)):
                yield read_bar(cells, place)

    def rules(self) -> Iterator[tuple[int, Rules]]:
        """Yield the rules of all symbols, each a group of its own, and from which second on they hold.

        Raises BadInput if the file is not what it was when it was checked.
        """
        place = {symbol: i for i, symbol in enumerate(self.symbols)}
        letters = letters_of(self.symbols)
        now = np.zeros((len(self.symbols), len(groups.RULES)), dtype=np.int64)
        since: int | None = None
        for _, cells in _lines(self._rules, (RULE_COLUMNS,)):
            time, symbol, numbers = read_rule(cells)
            if since is not None and time != since:
                yield since, _as_rules(now, letters)
            since = time
            now[place[symbol]] = numbers
        if since is not None:
            yield since, _as_rules(now, letters)


def _as_rules(numbers: Any, letters: Any) -> Rules:
    rules: Rules = new_group(Rules, i=len(numbers), L=LETTERS)
    for name, column in zip(groups.RULES, numbers.T, strict=True):
        getattr(rules, name)[:] = column
    rules.letters[:] = letters
    return rules


def check_run(
    files: Mapping[str, SourceFile], symbols: Sequence[str] | None, hashes: dict[str, str]
) -> tuple[RunFiles | None, list[FaultList]]:
    """Return what lies beside the market of a run over `symbols`, None with any fault, and the faults.

    `symbols` are None where the manifest does not name them or lets others stand in; `hashes` gets the
    SHA-256 of each file.
    """
    lists = {name: FaultList(name) for name in dict.fromkeys((*OF_A_RUN, *files))}
    for name in _NEEDED:
        if name not in files:
            _report(lists[name], f"missing beside {CYCLES}")
    if symbols is None:
        _report(lists[CYCLES], f'{MANIFEST} has to name the "symbols", and "stand_ins": false')
    found = None
    if not any(faults.errors for faults in lists.values()) and symbols is not None:
        found = _Check(files, tuple(sorted(symbols)), lists).run()
    for name, file in files.items():
        if not lists[name].errors:
            hashes[name] = _sha256(file, lists[name])
    for faults in lists.values():
        faults.close()
    return (None if any(faults.errors for faults in lists.values()) else found), list(lists.values())


class _Check:
    """The files of one run under check."""

    def __init__(
        self, files: Mapping[str, SourceFile], symbols: tuple[str, ...], lists: Mapping[str, FaultList]
    ) -> None:
        self._files, self._symbols, self._lists = files, symbols, lists

    def run(self) -> RunFiles | None:
        numbers = self._cycles()
        if len(numbers) == 0:
            return None
        times, inputs = numbers[:, 0].copy(), no_inputs(len(numbers), len(self._symbols))
        for name, column in zip(STRATEGY_COLUMNS, numbers.T, strict=False):
            if name in BY_CYCLE:
                getattr(inputs, name)[:] = column
        rules = self._rules(times)
        settings = self._document(SETTINGS, self._settings)
        begins = self._document(GENESIS, self._begins) if GENESIS in self._files else None
        if settings is None:
            return None
        rows = {CYCLES: len(times), RULES: rules}
        bars: dict[int, dict[str, SourceFile]] = {}
        for name, file in self._files.items():
            if file.kind == BARS:
                rows[name] = self._bars(name)
                bars.setdefault(int(name.split("/")[1]), {})[file.symbol] = file
        return RunFiles(times, inputs, settings, begins, self._symbols, rows, self._files[RULES], bars)

    def _bars(self, name: str) -> int:
        """Check the bars of a symbol and return how many there are."""
        before, rows = -1, 0

        def take(cells: list[str]) -> None:
            nonlocal before, rows
            cell = read_bar(cells, 0)
            if cell.time <= before:
                raise BadInput("ts: not after that of the row above")
            if cell.known < cell.time - AHEAD_SECONDS:
                raise BadInput(f"{KNOWN}: before the bar was complete")
            before, rows = cell.time, rows + 1

        self._table(name, (BAR_COLUMNS,), take)
        return rows

    def _cycles(self) -> Any:
        found: list[list[int]] = []

        def take(cells: list[str]) -> None:
            numbers = read_cycle(cells)
            if found and numbers[0] <= found[-1][0]:
                raise BadInput("ts: not after the cycle before")
            found.append(numbers)

        self._table(CYCLES, (CYCLE_COLUMNS, STRATEGY_COLUMNS), take)
        if not found and not self._lists[CYCLES].errors:
            _report(self._lists[CYCLES], "there is no cycle")
        return np.array(found, dtype=np.int64)

    def _rules(self, times: Any) -> int:
        """Check the rules and return how many rows they have."""
        first, seen, cycles = int(times[0]), set[str](), set(times.tolist())
        before, rows = (first, ""), 0

        def take(cells: list[str]) -> None:
            nonlocal before, rows
            time, symbol, _ = read_rule(cells)
            if symbol not in self._symbols:
                raise BadInput(f"symbol: {symbol[:20]!r} is none of the manifest's")
            if time not in cycles:
                raise BadInput(f"ts: {cells[0]} is the time of no cycle")
            if (time, symbol) <= before:
                raise BadInput("not after the row before, by time and symbol")
            if time == first:
                seen.add(symbol)
            before, rows = (time, symbol), rows + 1

        self._table(RULES, (RULE_COLUMNS,), take)
        lacking = sorted(set(self._symbols) - seen)
        if lacking and not self._lists[RULES].errors:
            _report(self._lists[RULES], f"the first cycle has no rules of {', '.join(lacking[:6])}")
        return rows

    def _table(
        self, name: str, headers: Sequence[tuple[str, ...]], take: Callable[[list[str]], None]
    ) -> None:
        faults = self._lists[name]
        try:
            for row, cells in _lines(self._files[name], headers):
                try:
                    take(cells)
                except BadInput as error:
                    _report(faults, str(error), row=row)
                if not faults.room(error=True):
                    return
        except BadInput as error:
            _report(faults, str(error))

    def _document(self, name: str, read: Callable[[dict[str, Any]], Any]) -> Any:
        try:
            # Amounts are texts in them; a fraction is a double that a strategy has as its parameter.
            tree, _ = read_json(self._files[name], numbers="float")
            if not isinstance(tree, dict):
                raise BadInput("expected a JSON object")
            return read(tree)
        except UNREADABLE as error:
            _report(self._lists[name], f"cannot be read: {error}")
            return None

    def _settings(self, tree: dict[str, Any]) -> dict[str, Any]:
        settings_recorded(tree)
        if type(tree["seed"]) is not int or type(tree["include_adaptation"]) is not bool:
            raise BadInput("seed and include_adaptation are no number and no flag")
        return tree

    def _begins(self, tree: dict[str, Any]) -> Beginning:
        begins = Beginning(tree["state"], bytes.fromhex(tree["genesis"]))
        begins.state(self._symbols)
        _ = begins.memory  # it is looked at
        if genesis(bytes.fromhex(tree["link"]), begins.document) != begins.link:
            raise BadInput("genesis is not the SHA-256 over link and state")
        return begins


def _report(faults: FaultList, message: str, row: int | None = None) -> None:
    faults.error("recorded_run", message, row=row, action=_AGAIN)


def _sha256(file: SourceFile, faults: FaultList) -> str:
    digest = hashlib.sha256()
    try:
        for offset in range(0, file.size, _BLOCK):
            digest.update(file.read(offset, _BLOCK))
    except BadInput as error:
        _report(faults, str(error))
    return digest.hexdigest()


def _lines(file: SourceFile, headers: Sequence[tuple[str, ...]]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a table below its header, one of some, with their numbers as an editor counts lines.

    Raises BadInput for another header, a line that is too long, not ASCII or ragged, and as reading does.
    """
    row, columns = 0, headers[0]
    for block in whole_lines(file, _BLOCK):
        for line in block.removesuffix(b"\n").split(b"\n"):
            row += 1
            if len(line) > MAX_LINE or not line.isascii():
                raise BadInput(f"row {row}: too long, or not ASCII")
            text = line.decode("ascii").removesuffix("\r")
            if row == 1:
                known = {",".join(header): header for header in headers}
                if text not in known:
                    raise BadInput(f"the first line must read {' or '.join(known)}")
                columns = known[text]
                continue
            cells = text.split(",")
            if len(cells) != len(columns):
                raise BadInput(f"row {row}: {len(cells)} cells, expected {len(columns)}")
            yield row, cells
