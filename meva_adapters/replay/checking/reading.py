"""One pass over one table: hashed, parsed and checked together, a block at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from attrs import evolve, field, frozen

from meva_adapters.replay.checking.checks import RowChecks
from meva_adapters.replay.checking.columnar import batches, open_columns
from meva_adapters.replay.checking.files import SourceFile, whole_lines
from meva_adapters.replay.checking.kept import Keeping, Kept, hash_of, recalled
from meva_adapters.replay.format.columns import read_checked, read_columns
from meva_adapters.replay.format.faults import Fault, FaultList, bad_dataset
from meva_adapters.replay.format.layout import KINDS, KNOWN, MAX_LINE, Kind
from meva_adapters.replay.format.lines import LineReader, stored_columns
from meva_adapters.replay.format.rows import Rows, is_later
from meva_core.errors import BadInput

BLOCK: Final = 2**20
"""Bytes that are parsed at once. About a megabyte stays in the processor's cache and still feeds pyarrow
well."""
_BOM: Final = b"\xef\xbb\xbf"


@frozen
class FileFacts:
    """What one pass over a table found. Stamps are microseconds as written, before any shift; where no
    column says when a row was known, that is its stamp.

    `steps` counts the distances between rows in whole seconds.
    """

    source: SourceFile
    kind: str
    symbol: str
    columns: tuple[str, ...]
    rows: int
    first_ts: int
    last_ts: int
    first_known: int
    last_known: int
    sha256: str
    step_seconds: int
    gaps: int
    longest_gap_seconds: int
    steps: dict[int, int] = field(repr=False)
    kept: Kept | None = field(default=None, repr=False, eq=False)

    @property
    def has_known(self) -> bool:
        """Whether the file says when each row was known."""
        return KNOWN in self.columns


def check_file(
    source: SourceFile, *, stand_ins: bool = True, verify: bool = False
) -> tuple[FileFacts | None, FaultList]:
    """Read one table to its end, or to where no further fault would be listed; or take what is kept of it.

    Returns the facts (None where the file cannot be used as a whole, or has no rows and, without stand-ins,
    needs none) and the faults, sorted by row.
    """
    faults = FaultList(source.name)
    facts = None
    try:
        kind = KINDS[source.kind]
        least = kind.min_rows if stand_ins else 0
        facts = _as_kept(source, kind, faults, least, verify) or _Pass(source, kind, faults, least).run()
    except BadInput as e:
        problem = e.problems[0]
        faults.error(problem.code, problem.message, value=problem.value, action=problem.action)
    faults.close()
    return facts, faults


class _Pass:
    """The state of one pass."""

    def __init__(self, source: SourceFile, kind: Kind, faults: FaultList, least_rows: int) -> None:
        self._source = source
        self._kind = kind
        self._faults = faults
        self._checks = RowChecks(kind, faults, least_rows)
        self._keeping = Keeping(source)
        self._line = 1

    def run(self) -> FileFacts | None:
        """Read the file. None where the header, or nothing at all, can be read."""
        if self._source.size == 0:
            self._faults.error("empty_file", "the file is empty", action="add rows, or remove the file")
            return None
        try:
            return self._columnar() if self._source.is_columnar else self._text()
        finally:
            self._keeping.drop()  # what is not kept by now

    def _columnar(self) -> FileFacts | None:
        """Read a Parquet file."""
        columns = open_columns(self._source, self._kind, self._faults)
        if not columns:
            return None
        for rows in batches(self._source, self._kind, columns, columns, self._faults):
            self._checks.take(rows)
            self._keeping.take(rows)
            if not self._faults.room(error=True):
                self._faults.unlisted_errors += 1
                return None
        self._checks.finish()
        return self._facts(columns, hash_of(self._source))

    def _text(self) -> FileFacts | None:
        """Read a text file."""
        digest = hashlib.sha256()
        columns: tuple[str, ...] = ()
        last = b""
        for block in whole_lines(self._source, BLOCK):
            digest.update(block)
            body = block
            if self._line == 1:
                columns, body = self._header(block)
                slow = LineReader(columns, self._kind.prices, self._faults)
            if not columns or not self._take(body, columns, slow):
                return None
            last = block
        if not last.endswith(b"\n"):
            self._faults.warning("unfinished_line", "the last line has no line end, as if it had been cut")
        self._checks.finish()
        return self._facts(columns, digest.hexdigest())

    def _header(self, block: bytes) -> tuple[tuple[str, ...], bytes]:
        """Return the columns that the header names, none if it is not one, and what follows it."""
        self._line = 2
        line, end, body = block.partition(b"\n")
        line = line.removesuffix(b"\r") if end else line
        if line.startswith(_BOM):
            message = "the file starts with a byte order mark"
            self._faults.error("bom", message, row=1, value=line, action="save it as UTF-8 without a BOM")
            line = line.removeprefix(_BOM)
        found = tuple(line[: MAX_LINE + 1].decode("latin-1").split(","))
        if found in self._kind.headers:
            return found, body
        expected = " or ".join(",".join(header) for header in self._kind.bare_headers)
        action = f"the first line must read {expected}; a last column {KNOWN} may follow"
        self._faults.error(
            "header", f"not the header of a file in {self._kind.folder}/", row=1, value=line, action=action
        )
        return (), body

    def _take(self, body: bytes, columns: tuple[str, ...], slow: LineReader) -> bool:
        """Parse and check one block; False when reading on would list nothing more."""
        if len(body) == BLOCK and b"\n" not in body:
            message = f"a line of at least {BLOCK} bytes; nothing after it was read"
            self._faults.error(
                "long_line", message, row=self._line, value=body, action="correct or remove the line"
            )
            return False
        if body:
            rows = read_columns(body, columns, self._line)
            lines = body.count(b"\n") if rows is None else len(rows.ts)
            taken = slow.read(body, self._line) if rows is None else rows
            self._checks.take(taken)
            self._keeping.take(taken)
            self._line += lines
        if self._faults.room(error=True):
            return True
        self._faults.unlisted_errors += 1
        return False

    def _facts(self, columns: tuple[str, ...], sha256: str) -> FileFacts | None:
        checks, spacing = self._checks, self._checks.spacing
        if checks.first_ts is None or checks.last_ts is None:
            return None
        facts = FileFacts(
            source=self._source,
            kind=self._kind.folder,
            symbol=self._source.symbol,
            columns=columns,
            rows=checks.rows,
            first_ts=checks.first_ts,
            last_ts=checks.last_ts,
            first_known=checks.first_ts if checks.first_known is None else checks.first_known,
            last_known=checks.last_ts if checks.last_known is None else checks.last_known,
            sha256=sha256,
            step_seconds=spacing.step_seconds,
            gaps=spacing.gap_count,
            longest_gap_seconds=spacing.longest_gap_seconds,
            steps=spacing.counts,
        )
        return facts if self._faults.errors else evolve(facts, kept=self._kept(facts))

    def _kept(self, facts: FileFacts) -> Kept | None:
        told = {name: getattr(facts, name) for name in _TOLD}
        warnings = [[getattr(fault, name) for name in _OF_FAULTS] for fault in self._faults.warnings]
        unlisted = self._faults.unlisted_warnings
        told |= {"kind": facts.kind, "columns": list(facts.columns), "steps": list(facts.steps.items())}
        return self._keeping.keep(facts.sha256, told | {"warnings": warnings, "unlisted_warnings": unlisted})


_TOLD: Final = (
    "rows",
    "first_ts",
    "last_ts",
    "first_known",
    "last_known",
    "step_seconds",
    "gaps",
    "longest_gap_seconds",
)
_OF_FAULTS: Final = ("code", "row", "column", "value", "message", "action")


def _as_kept(
    source: SourceFile, kind: Kind, faults: FaultList, least_rows: int, verify: bool
) -> FileFacts | None:
    """Return the facts that are kept of a table, its warnings in `faults`; None where it is to be read."""
    kept = recalled(source, verify=verify)
    if kept is None or kept.told.get("kind") != kind.folder or kept.told["rows"] < least_rows:
        return None
    told = kept.told
    for warning in told["warnings"]:
        faults.warnings.append(Fault(file=source.name, **dict(zip(_OF_FAULTS, warning, strict=True))))
    faults.unlisted_warnings = told["unlisted_warnings"]
    return FileFacts(
        source=source,
        kind=kind.folder,
        symbol=source.symbol,
        columns=tuple(told["columns"]),
        sha256=kept.sha256,
        steps=dict(map(tuple, told["steps"])),
        kept=kept,
        **{name: told[name] for name in _TOLD},
    )


def checked_blocks(facts: FileFacts, wanted: tuple[str, ...], block_size: int) -> Iterator[Rows]:
    """Yield the `wanted` columns of a file that was checked, block by block.

    Where the file says when rows were known, those that are not taken are left out: stamps strictly increase.
    """
    newest = -1
    for rows in all_blocks(facts, wanted, block_size):
        if facts.has_known:
            taken = rows.only(is_later(rows.ts, newest))
            newest = max(newest, int(taken.ts[-1])) if len(taken.ts) else newest
            if len(taken.ts):
                yield taken
        else:
            yield rows


def all_blocks(facts: FileFacts, wanted: tuple[str, ...], block_size: int) -> Iterator[Rows]:
    """Yield the `wanted` columns of all rows of a file that was checked, in blocks of one row at least."""
    if facts.kept is not None and facts.kept.path.exists():
        facts.source.recheck()
        stored = tuple(part for name in wanted for part in stored_columns(name))
        yield from facts.kept.blocks(stored, 1 if facts.source.is_columnar else 2)
        return
    faults = FaultList(facts.source.name)
    read = _columnar_blocks if facts.source.is_columnar else _text_blocks
    for rows in read(facts, wanted, block_size, faults):
        if faults.errors:
            break
        if len(rows.ts):
            yield rows
    if faults.errors:
        raise bad_dataset(facts.source.name, faults.errors)


def _columnar_blocks(
    facts: FileFacts, wanted: tuple[str, ...], block_size: int, faults: FaultList
) -> Iterator[Rows]:
    yield from batches(facts.source, KINDS[facts.kind], facts.columns, wanted, faults)


def _text_blocks(
    facts: FileFacts, wanted: tuple[str, ...], block_size: int, faults: FaultList
) -> Iterator[Rows]:
    slow = LineReader(facts.columns, KINDS[facts.kind].prices, faults)
    line = 2
    for number, block in enumerate(whole_lines(facts.source, block_size)):
        body = block if number else block.partition(b"\n")[2]
        if not body:
            continue
        rows = read_checked(body, facts.columns, wanted, line)
        yield slow.read(body, line) if rows is None else rows
        line += body.count(b"\n")
