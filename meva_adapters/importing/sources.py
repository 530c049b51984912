"""What was named on the command line, as files to read: folders gone through, archives opened."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from meva_core.errors import BadInput

_TEXTS: Final = (".csv", ".txt", ".tsv", ".json", ".jsonl", ".ndjson")
TABLES: Final = (*_TEXTS, ".feather", ".arrow", ".ipc", ".parquet", ".pq")
_PACKED: Final = (".zip", ".gz")
_MOST_BYTES: Final = 8 * 2**30
_IN_PARTS: Final = "unpack it, and import its files in parts"
_HDF5: Final = (".h5", ".hdf5", ".hdf")
_FORMATS: Final = "CSV, JSON, Parquet, Feather or Arrow files, also in zip and gz"


@frozen
class Source:
    """One table to read: the file it is in, and its name within an archive.

    `name` is what people are told; `table` the name that says symbol and format; `sha256` and `size` are of
    the file as it lies there. `frame` is the table itself where it is in no file.
    """

    path: Path
    member: str
    name: str
    table: str
    sha256: str
    size: int
    frame: Any = field(default=None, repr=False)

    @classmethod
    def of_frame(cls, name: str, frame: Any) -> Source:
        """Return an Arrow table in memory as a source; its name is the pair that it is of."""
        return cls(Path(name), "", f"the frame of {name}", name, "", frame.nbytes, frame)

    def read(self) -> bytes:
        """Return the bytes of the table. Raises BadInput for an archive that cannot be opened."""
        try:
            if self.member:
                with zipfile.ZipFile(self.path) as archive:
                    return archive.read(self.member)
            if self.path.suffix.lower() != ".gz":
                return self.path.read_bytes()
            with gzip.open(self.path) as packed:
                data = packed.read(_MOST_BYTES + 1)
        except (zipfile.BadZipFile, EOFError, zlib.error, gzip.BadGzipFile, RuntimeError) as error:
            raise BadInput(f"{self.name}: cannot be unpacked: {error}", action="unpack it by hand") from error
        if len(data) > _MOST_BYTES:
            raise BadInput(f"{self.name}: unpacks to more than 8 GiB", action=_IN_PARTS)
        return data


def find_sources(paths: Sequence[Path]) -> tuple[list[Source], list[str]]:
    """Return the tables that `paths` name, in order, and the names of files in folders that are none.

    Raises BadInput for a path that is not there, that is no table, or that holds none.
    """
    found: list[Source] = []
    passed: list[str] = []
    for path in paths:
        if path.is_dir():
            within, others = _of_folder(path)
            passed += others
        else:
            within = list(_of_file(path, path.name))
        if not within:
            raise BadInput(f"{path}: holds no file of candles", action=f"bring {_FORMATS}")
        found += within
    return found, passed


def _of_folder(folder: Path) -> tuple[list[Source], list[str]]:
    found: list[Source] = []
    passed: list[str] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts) or not path.is_file():
            continue
        if path.suffix.lower() in (*TABLES, *_PACKED):
            found += _of_file(path, name.as_posix())
        else:
            passed.append(name.as_posix())
    return found, passed


def _of_file(path: Path, name: str) -> Iterator[Source]:
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file", action="name a file or a folder of candles")
    with open(path, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    suffix = path.suffix.lower()
    if suffix == ".zip":
        for member in _members(path, name):
            yield Source(path, member, f"{name}/{member}", Path(member).name, sha256, size)
        return
    table = path.name[: -len(suffix)] if suffix == ".gz" else path.name
    if Path(table).suffix.lower() not in TABLES:
        raise BadInput(f"{name}: is no table that is read", action=_instead_of(table))
    yield Source(path, "", name, table, sha256, size)


def _instead_of(table: str) -> str:
    """Return what to bring instead of a file that is not read."""
    if Path(table).suffix.lower() in _HDF5:
        return (
            "write it as Feather or Parquet; freqtrade's own: `freqtrade convert-data --format-from hdf5 "
            "--format-to feather`, with a version that still reads them"
        )
    return f"bring {_FORMATS}"


def _members(path: Path, name: str) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except zipfile.BadZipFile as error:
        raise BadInput(f"{name}: is no zip archive: {error}", action="fetch it again") from error
    tables = [
        entry
        for entry in entries
        if not entry.is_dir()
        and Path(entry.filename).suffix.lower() in TABLES
        and not any(part.startswith((".", "__MACOSX")) for part in Path(entry.filename).parts)
    ]
    if not tables:
        raise BadInput(f"{name}: holds no file of candles", action=f"bring {_FORMATS}")
    if sum(entry.file_size for entry in tables) > _MOST_BYTES:
        raise BadInput(f"{name}: unpacks to more than 8 GiB", action=_IN_PARTS)
    return [entry.filename for entry in tables]
