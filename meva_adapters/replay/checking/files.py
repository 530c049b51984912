"""Opening a dataset's files safely: names by grammar, regular files only, nothing outside the folder."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import field, frozen

from meva_adapters.replay.format.faults import Fault, shown
from meva_adapters.replay.format.layout import (
    BARS,
    COLUMNAR,
    CYCLES,
    EXCHANGEINFO,
    FORMATS,
    KINDS,
    MANIFEST,
    OF_A_RUN,
    TEXT,
    Kind,
)
from meva_core.errors import BadInput
from meva_core.symbols import is_symbol

_ARCHIVES: Final = (".zip", ".gz", ".bz2", ".xz", ".zst", ".7z", ".tar", ".tgz", ".rar")
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_SECONDS: Final = re.compile(r"[1-9][0-9]{0,7}", re.ASCII)
_RENAME: Final = "name the file after its pair, 5 to 16 of A-Z and 0-9, such as BTCTRY.csv"


@frozen
class SourceFile:
    """A regular file inside a dataset, as it was when it was found.

    `name` is relative to the dataset with forward slashes; `stamp` is what shows that the file is still the
    same one.
    """

    name: str
    path: Path
    size: int
    stamp: tuple[int, int, int, int]

    @property
    def kind(self) -> str:
        """The folder that the file lies in."""
        return self.name.partition("/")[0]

    @property
    def symbol(self) -> str:
        """The symbol that the file is named after."""
        return self.name.rpartition("/")[2].removesuffix(TEXT).removesuffix(COLUMNAR)

    @property
    def is_columnar(self) -> bool:
        """Whether it is a Parquet file."""
        return self.name.endswith(COLUMNAR)

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset` on; fewer only at the end of the file.

        Raises BadInput if the file is not the one that was found, or cannot be read.
        """
        try:
            with os.fdopen(os.open(self.path, os.O_RDONLY | _NO_FOLLOW), "rb", buffering=0) as raw:
                self._check(os.fstat(raw.fileno()))
                raw.seek(offset)
                return _read_fully(raw.fileno(), size)
        except OSError as e:
            raise self._bad("unreadable", f"cannot be read: {e.strerror}", "make the file readable") from e

    def recheck(self) -> None:
        """Raise BadInput unless the file is still as it was found."""
        try:
            self._check(os.stat(self.path, follow_symlinks=False))
        except OSError as e:
            raise self._bad("unreadable", f"cannot be read: {e.strerror}", "make the file readable") from e

    def _check(self, found: os.stat_result) -> None:
        if _identity(found) != self.stamp:
            action = "do not write into a dataset that is being read; then run again"
            raise self._bad("file_changed", "the file changed while it was read", action)

    def _bad(self, code: str, message: str, action: str) -> BadInput:
        fault = Fault(code, self.name, None, "", "", message, action)
        return BadInput(str(fault), action=action, problems=[fault.problem()])


def _identity(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _read_fully(descriptor: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0 and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts) if len(parts) != 1 else parts[0]


@frozen
class Listing:
    """The files of a dataset, and what was wrong with the folder itself. `csv` are the tables by kind, of
    either form, each sorted by name.

    `absent` are the folders that are not there, `of_a_run` what lies beside the market of a run that was
    written out, by name; nothing without cycles.
    """

    csv: dict[str, tuple[SourceFile, ...]]
    exchangeinfo: SourceFile | None
    manifest: SourceFile | None
    errors: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    absent: frozenset[str] = frozenset()
    of_a_run: dict[str, SourceFile] = field(factory=dict)

    @property
    def data_files(self) -> tuple[SourceFile, ...]:
        """Every table, candles first."""
        return tuple(file for kind in KINDS for file in self.csv.get(kind, ()))

    @property
    def data_names(self) -> frozenset[str]:
        """The names of all files that a manifest may list."""
        info = (self.exchangeinfo.name,) if self.exchangeinfo else ()
        return frozenset((*(file.name for file in self.data_files), *info, *self.of_a_run))

    @property
    def all_files(self) -> tuple[SourceFile, ...]:
        """The tables and the documents."""
        documents = (file for file in (self.exchangeinfo, self.manifest) if file is not None)
        return (*self.data_files, *documents, *self.of_a_run.values())


def list_dataset(root: Path) -> Listing:
    """Find the files of the dataset in `root`, without reading them. What is wrong is in the lists."""
    scan = _Scan(root)
    if scan.open_root():
        for kind in KINDS.values():
            scan.folder(kind)
        scan.top_level()
    return scan.listing()


class _Scan:
    """One walk over a dataset's folders."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.real = root
        self.csv: dict[str, tuple[SourceFile, ...]] = {}
        self.documents: dict[str, SourceFile] = {}
        self.errors: list[Fault] = []
        self.warnings: list[Fault] = []
        self.absent: list[str] = []

    def listing(self) -> Listing:
        """Return what was found."""
        documents = self.documents
        return Listing(
            self.csv,
            documents.get(EXCHANGEINFO),
            documents.get(MANIFEST),
            tuple(self.errors),
            tuple(self.warnings),
            frozenset(self.absent),
            {name: documents[name] for name in documents if name not in (EXCHANGEINFO, MANIFEST)},
        )

    def open_root(self) -> bool:
        """Resolve the dataset's folder; False if there is none."""
        try:
            self.real = self.root.resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            self._error(
                "missing_dataset", "", "there is no such folder", "create one with: meva replay init DIR"
            )
            return False
        if self.real.is_dir():
            return True
        archive = self.real.name.lower().endswith(_ARCHIVES)
        action = (
            "unpack the archive first" if archive else "give the folder that holds candles/ and orderbook/"
        )
        self._error("not_a_folder", "", "a dataset is a folder", action)
        return False

    def folder(self, kind: Kind) -> None:
        """Take every file of one kind."""
        path = self.root / kind.folder
        if not os.path.lexists(path):
            self.absent.append(kind.folder)
            return
        try:
            inside = path.resolve(strict=True).is_relative_to(self.real)
            entries = sorted(entry.name for entry in os.scandir(path))
        except (OSError, RuntimeError) as e:
            self._error(
                "not_a_folder",
                kind.folder,
                f"cannot be read as a folder: {_reason(e)}",
                "make it a readable folder",
            )
            return
        if not inside:
            self._outside(kind.folder)
            return
        files = (self._symbol_file(kind, name) for name in entries if not _is_hidden(name))
        self.csv[kind.folder] = tuple(file for file in files if file is not None)
        self._two_formats(self.csv[kind.folder])

    def _two_formats(self, files: tuple[SourceFile, ...]) -> None:
        texts = {file.symbol for file in files if not file.is_columnar}
        for file in files:
            if file.is_columnar and file.symbol in texts:
                message, action = "the same table is there as CSV, too", "keep one of the two"
                self._error("two_formats", file.name, message, action)

    def top_level(self) -> None:
        """Take the two documents, and refuse CSV files that lie beside the folders instead of in them."""
        of_a_run = OF_A_RUN if os.path.lexists(self.root / CYCLES) else ()
        for name in (EXCHANGEINFO, MANIFEST, *of_a_run):
            if os.path.lexists(self.root / name):
                self._document(name)
        if of_a_run and os.path.lexists(self.root / BARS):
            self._bars()
        for entry in sorted(entry.name for entry in os.scandir(self.real)):
            if entry.lower().endswith(FORMATS) and entry not in of_a_run:
                action = "move it into candles/, orderbook/ or ticker/, or out of the dataset"
                self._error(
                    "misplaced_file",
                    entry,
                    "data files lie in candles/, orderbook/ or ticker/",
                    action,
                    entry,
                )

    def _document(self, name: str) -> None:
        file = self._source(name)
        if file is not None:
            self.documents[name] = file

    def _bars(self) -> None:
        """Take the bars that the strategy of a run looked at."""
        for path in sorted((self.root / BARS).glob("*/*")):
            name = path.relative_to(self.root).as_posix()
            if is_bars(name):
                self._document(name)
            elif not _is_hidden(path.name):
                message = "no bars of a symbol; it is not read"
                action = f"bars lie in {BARS}/<seconds>/<SYMBOL>{TEXT}; move it elsewhere"
                self.warnings.append(_fault("ignored_file", name, message, action, name))

    def _symbol_file(self, kind: Kind, name: str) -> SourceFile | None:
        relative = f"{kind.folder}/{name}"
        lower = name.lower()
        if lower.endswith(_ARCHIVES):
            self._error("archive", relative, "archives are not read", "unpack it first, then remove it", name)
        elif not lower.endswith(FORMATS):
            message = "neither a CSV nor a Parquet file; it is not read"
            self.warnings.append(_fault("ignored_file", relative, message, "move it elsewhere", name))
        elif not is_table(name):
            self._error("bad_symbol", relative, "the file name is not a symbol", _RENAME, name)
        else:
            return self._source(relative)
        return None

    def _source(self, relative: str) -> SourceFile | None:
        try:
            real = (self.root / relative).resolve(strict=True)
            found = os.stat(real)
        except (OSError, RuntimeError) as e:
            self._error("unreadable", relative, f"cannot be read: {_reason(e)}", "make the file readable")
            return None
        if not real.is_relative_to(self.real):
            self._outside(relative)
        elif not stat.S_ISREG(found.st_mode):
            self._error("not_a_file", relative, "not a regular file", "put a regular file in its place")
        else:
            return SourceFile(relative, real, found.st_size, _identity(found))
        return None

    def _outside(self, relative: str) -> None:
        self._error(
            "link_outside", relative, "a link that leads out of the dataset", "copy the file into the dataset"
        )

    def _error(self, code: str, file: str, message: str, action: str, value: str = "") -> None:
        self.errors.append(_fault(code, file, message, action, value))


def is_table(name: str) -> bool:
    """Whether a name is that of a table: a symbol and the ending of a format."""
    stem, dot, ending = name.rpartition(".")
    return dot + ending in FORMATS and is_symbol(stem)


def is_bars(name: str) -> bool:
    """Whether a relative name is that of the bars of a symbol that a strategy looked at."""
    folder, *between, file = name.split("/")
    return (
        (folder, len(between)) == (BARS, 1)
        and _SECONDS.fullmatch(between[0]) is not None
        and file.endswith(TEXT)
        and is_table(file)
    )


def _is_hidden(name: str) -> bool:
    """Whether a file is no one's data: unfinished writes, what file managers leave behind."""
    return name.startswith("._") or (name.startswith(".") and not name.lower().endswith(FORMATS))


def _fault(code: str, file: str, message: str, action: str, value: str = "") -> Fault:
    return Fault(code, shown(file), None, "", shown(value), message, action)


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)


def whole_lines(file: SourceFile, block_size: int) -> Iterator[bytes]:
    """Yield the file in blocks of at most `block_size` bytes that end with a line end, except perhaps the
    last.

    A line that does not fit into a block is yielded as far as it fits, and nothing after it: the caller
    refuses it.
    """
    offset = 0
    while offset < file.size:
        block = file.read(offset, block_size)
        offset += len(block)
        if offset < file.size:
            excess = len(block) - (block.rfind(b"\n") + 1)
            if excess == len(block):
                yield block
                return
            offset -= excess
            block = block[: len(block) - excess]
        yield block
