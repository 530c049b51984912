"""The market of a live run, out of what a database keeps of it, as a dataset: what each cycle saw, and by
what inputs, rules and settings it decided.

Rows are written as they were answered, from the newest of each kind before the first cycle on; nothing that
no cycle of the run saw is among them. All is read in streams.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from attrs import define, field, frozen

from meva_adapters.btcturk import RESOLUTIONS
from meva_adapters.replay.alignment import FOLDERS
from meva_adapters.replay.format.bar_lines import BAR_COLUMNS, bar_file, bar_line
from meva_adapters.replay.format.layout import (
    CYCLES,
    GENESIS,
    KINDS,
    KNOWN,
    MAY_BE_EMPTY,
    RULES,
    SETTINGS,
)
from meva_adapters.replay.format.run_lines import (
    CYCLE_COLUMNS,
    RULE_COLUMNS,
    STRATEGY_COLUMNS,
    cycle_line,
    rule_line,
)
from meva_adapters.replay.format.stamps import MICROS, iso_stamp
from meva_adapters.replay.recording.rows_of_run import RowsOfRun
from meva_adapters.replay.recording.writer import write_json, write_manifest
from meva_adapters.system.files import make_folder, naming
from meva_core.chains import chains_of, gaps_of, lost
from meva_core.errors import BadInput, StoreCorrupt, StoreUnready
from meva_core.live_market import bars_kind
from meva_core.params import STRATEGY
from meva_core.ports import Reads
from meva_core.stages.codec import Codec
from meva_core.steps.inputs import Inputs
from meva_core.strategy.periods import live_bars_of
from meva_core.stretches import groups
from meva_core.stretches.kept_state import state_read
from meva_core.stretches.opened import Opened
from meva_core.stretches.recorded import RecordedRun, recorded_run
from meva_core.stretches.stored import unsealed

_SECONDS: Final = 60
Cells = Sequence[str]


@frozen
class Exported:
    """What was written of a run: how many cycles, symbols, and rows of the market; and the id of its
    strategy, None where it had none."""

    run_id: str
    cycles: int
    symbols: int
    rows: int
    fingerprint: str
    strategy: str | None = None


def require_live(row: Mapping[str, Any]) -> None:
    """Raise BadInput for a run of which nobody keeps what the exchange answered."""
    if not row.get("book"):
        raise BadInput(
            f"run {row['run_id']} is no run on the live market: what it saw is stored in columns, which hold "
            "neither base volume nor closes",
            action="take the dataset that it was run over; `meva runs` lists the runs",
        )


def export_run(reads: Reads, codec: Codec, row: Mapping[str, Any], root: Path) -> Exported:
    """Write a run, as its row of stage7_runs, into `root`, an empty folder.

    Raises BadInput for a run that is not of the live market, StoreUnready for one without columns,
    StoreCorrupt where some of its cycles have none, and what opening a stretch raises.
    """
    require_live(row)
    run = recorded_run(row, codec.decode)
    settings = codec.decode(row["settings_json"])
    beside = _Beside(reads, codec, row, run, root)
    first, last, cycles = beside.write()
    rows = 0
    if (strategy := settings.get(STRATEGY)) is not None and beside.first_bar is not None:
        asked_of = partial(RowsOfRun, reads, codec, row["book"])
        rows += _bars(root, run, strategy, beside.first_bar, asked_of, last)
    for kind, folder in FOLDERS.items():
        (root / folder).mkdir(mode=0o700)
        for symbol in run.symbols:
            asked = RowsOfRun(reads, codec, row["book"], kind, symbol)
            rows += _table(root, asked, asked.rows(first, last, run.params.vol_lookback))
    write_json(root / SETTINGS, settings)
    made = codec.decode(row["manifest_json"]) if row["manifest_json"] else {}
    write_manifest(
        root,
        source=made.get("source", ""),
        api_version=made.get("api_version", ""),
        interval_seconds=_SECONDS,
        symbols=run.symbols,
        stand_ins=False,
        run={
            **{name: row[name] for name in ("run_id", "book", "continues", "code_version", "fingerprint")},
            "cycles": cycles,
        },
    )
    named = None if strategy is None else strategy["id"]
    return Exported(run.run_id, cycles, len(run.symbols), rows, row["fingerprint"], named)


# -- The market -------------------------------------------------------------------------------------------


def _bars(
    root: Path,
    run: RecordedRun,
    strategy: Mapping[str, Any],
    first_bar: int,
    asked: Callable[[str, str], RowsOfRun],
    last: int,
) -> int:
    """Write the bars that the strategy of a run looked at, from the first that it saw on; return how many.

    Whether a bar counted may hang on the one before it, and that on its parts.
    """
    seconds, base = live_bars_of(strategy["bars"], RESOLUTIONS, strategy["id"])
    rows = 0
    for symbol in run.symbols:
        path = root / bar_file(base, symbol)
        make_folder(path.parent)
        with _file(path) as file:
            _put(file, BAR_COLUMNS)
            for known, stamp, cells in asked(bars_kind(base), symbol).bars(last, first_bar - 2 * seconds):
                file.write(bar_line(known, stamp, cells) + "\n")
                rows += 1
    return rows


def _table(root: Path, asked: RowsOfRun, rows: Iterator[tuple[int, int, list[str]]]) -> int:
    """Write the file of one symbol and kind, none without rows; return how many rows it has."""
    first = next(rows, None)
    if first is None:
        return 0
    kind = KINDS[FOLDERS[asked.kind]]
    header = kind.bare_headers[-1]
    if not MAY_BE_EMPTY.issuperset(kind.optional):  # what is not told is not taken for anything then
        header = next(bare for bare in kind.bare_headers if len(bare) == len(first[2]) + 1)
    count = 0
    with _file(root / kind.folder / f"{asked.symbol}.csv") as file:
        _put(file, (*header, KNOWN))
        for known, stamp, cells in chain([first], rows):
            _put(file, (iso_stamp(stamp), *_fitting(cells, header, asked), iso_stamp(known * MICROS)))
            count += 1
    return count


def _fitting(cells: Cells, header: Cells, asked: RowsOfRun) -> Cells:
    """Return the cells of a row under the header of its file: what a row does not tell may be empty only
    where nothing is taken for it."""
    lacking = header[len(cells) + 1 :]
    if len(cells) + 1 == len(header):
        return cells
    if not lacking or not MAY_BE_EMPTY.issuperset(lacking):
        raise StoreCorrupt(
            f"the rows of {asked.symbol} in book {asked.book} have {len(cells)} cells of {asked.kind} and "
            f"{len(header) - 1}: one file cannot hold both",
            action="write the runs out one by one; a run of one version of Meva has one kind of rows",
        )
    return (*cells, *([""] * len(lacking)))


def _file(path: Path) -> IO[str]:
    with naming(path):
        return open(path, "x", encoding="ascii", newline="\n", opener=_for_its_owner)


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _put(file: IO[str], cells: Cells) -> None:
    file.write(",".join(cells) + "\n")


# -- What lies beside it ----------------------------------------------------------------------------------


@define
class _Beside:
    """Cycles, rules and beginning of a run on their way into files."""

    reads: Reads
    codec: Codec
    row: Mapping[str, Any]
    run: RecordedRun
    root: Path
    first_bar: int | None = field(default=None, init=False)
    """The end of the first bar that its strategy saw, seconds."""

    def write(self) -> tuple[int, int, int]:
        """Write them, and return the first and the last time, in seconds, and the number of cycles."""
        self._genesis()
        first = last = None
        cycles, before = 0, np.full((len(self.run.symbols), len(groups.RULES)), -1, dtype=np.int64)
        with _file(self.root / CYCLES) as times, _file(self.root / RULES) as rules:
            _put(times, _cycle_columns(self.run))
            _put(rules, RULE_COLUMNS)
            for opened in self._stretches():
                numbers = _cycles_of(opened, _cycle_columns(self.run))
                times.writelines(f"{cycle_line(line)}\n" for line in numbers.tolist())
                before = self._rules(rules, opened, before)
                if self.first_bar is None and self.run.params.strategy and len(opened.bars.time):
                    self.first_bar = int(opened.bars.time[0])
                first = int(numbers[0, 0]) if first is None else first
                last, cycles = int(numbers[-1, 0]), cycles + len(numbers)
        if first is None or last is None:
            raise StoreUnready(f"run {self.run.run_id} has no cycle with columns")
        return first, last, cycles

    def _stretches(self) -> Iterator[Opened]:
        for gap in gaps_of(self.row, chains_of(self.reads, self.run.run_id)):
            raise lost(self.run.run_id, f"there are no columns of {gap.name}, and so no market")
        columns = self.codec.columns()
        versions = dict(self.reads.rows("stage7_forms", ("form", "code_version")))
        for stored in self.reads.stretches(self.run.run_id):
            yield self.run.opened(stored, columns, versions.get(stored.form))

    def _rules(self, file: IO[str], opened: Opened, before: Any) -> Any:
        """Write the rules that changed in a stretch; return those at its end."""
        for span in opened.spans():
            now = np.column_stack([getattr(span.rules, name) for name in groups.RULES])
            time = int(span.market.time[0])
            for i in np.flatnonzero((now != before).any(axis=1)).tolist():
                file.write(rule_line(time, self.run.symbols[i], now[i].tolist()) + "\n")
            before = now
        return before

    def _genesis(self) -> None:
        """Write what the run began with, if it went on from another one."""
        if not self.row["genesis"]:
            return
        where, columns = {"run_id": self.run.run_id, "seq": 0}, ("link", "state_json")
        [(link, text)] = self.reads.rows("stage7_states", columns, where=where)
        with state_read(self.run.run_id, "the state that it began with"):
            state, _ = unsealed(self.codec.decode(text), self.run.run_id, 0, link)
        before = self.reads.run(self.row["continues"])
        if before is None:
            raise StoreCorrupt(
                f"run {self.row['continues']}, which run {self.run.run_id} continues, is not there",
                action="keep the file and restore a backup",
            )
        document = {"link": before["fingerprint"], "genesis": link.hex(), "state": state}
        write_json(self.root / GENESIS, document)


def _cycle_columns(run: RecordedRun) -> Cells:
    return STRATEGY_COLUMNS if run.params.strategy else CYCLE_COLUMNS


def _cycles_of(opened: Opened, columns: Cells) -> Any:
    """Return the numbers of the cycles of a stretch, in the order of `columns`."""
    market, inputs, aside = opened.market, opened.inputs, opened.aside
    cycles = opened.stored.cycles
    told = "aside" in {frame.group for frame in opened.layout.frames}
    nothing = np.zeros(cycles, dtype=np.int64)
    found = {name: getattr(inputs, name) for name in Inputs._fields if name in columns}
    found |= {"ts": market.time}
    found |= {name: getattr(aside, name) if told else nothing for name in columns if name not in found}
    return np.column_stack([found[name] for name in columns])
