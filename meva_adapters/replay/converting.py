"""Datasets of text as Parquet, and back: the same rows, and so the same content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from attrs import evolve
from pyarrow import parquet

from meva_adapters.replay.checking.manifest import FileEntry, Manifest, manifest_tree
from meva_adapters.replay.checking.reading import BLOCK, FileFacts, all_blocks
from meva_adapters.replay.dataset import Dataset, open_dataset
from meva_adapters.replay.format.columnar import batch_of, is_time, schema_of
from meva_adapters.replay.format.layout import COLUMNAR, MANIFEST, TEXT, VOLUME
from meva_adapters.replay.format.lines import stored_columns
from meva_adapters.replay.format.rendering import Column, csv_blocks
from meva_adapters.replay.format.rows import Rows
from meva_adapters.replay.format.stamps import MICROS, iso_stamp
from meva_adapters.replay.recording.writer import write_json
from meva_adapters.system.files import make_folder, replacing, whole_folder
from meva_core.amounts import ABSENT, format_e8
from meva_core.errors import BadInput

_COMPRESSION: Final = "zstd"


def convert(dataset: Dataset, into: Path, ending: str) -> Dataset:
    """Write a dataset with tables of the other form (`.csv` or `.parquet`) into a new or empty folder, and
    return it, opened.

    The folder appears when it is complete, or not at all. Raises BadInput if something is there.
    """
    try:
        with whole_folder(into) as root:
            for facts in dataset.files.values():
                make_folder(root / facts.kind)
                path = root / facts.kind / f"{facts.symbol}{ending}"
                (_write_columns if ending == COLUMNAR else _write_text)(path, facts)
            for file in dataset.documents:
                make_folder((root / file.name).parent)
                with replacing(root / file.name) as copy:
                    for offset in range(0, file.size, BLOCK):
                        copy.write(file.read(offset, BLOCK))
            if dataset.manifest is not None:
                write_json(root / MANIFEST, manifest_tree(_manifest(dataset.manifest, root)))
            made = open_dataset(root)
            if made.content_sha256 != dataset.content_sha256:
                raise RuntimeError(f"{into} would not say what {dataset.root} says")
    except FileExistsError as error:
        raise BadInput(
            f"{into}: is there already, and nothing is written over", action="name a new or an empty folder"
        ) from error
    return open_dataset(into)


def _write_columns(path: Path, facts: FileFacts) -> None:
    with (
        replacing(path) as file,
        parquet.ParquetWriter(file, schema_of(facts.columns), compression=_COMPRESSION) as writer,
    ):
        for rows in all_blocks(facts, facts.columns, BLOCK):
            writer.write_batch(batch_of(rows, facts.columns))


def _write_text(path: Path, facts: FileFacts) -> None:
    blocks = list(all_blocks(facts, facts.columns, BLOCK))
    with replacing(path) as file:
        file.write(",".join(facts.columns).encode() + b"\n")
        if not facts.has_known:  # then no cell is empty
            stamps = np.concatenate([rows.ts for rows in blocks])
            columns = [_column(blocks, name) for name in facts.columns[1:]]
            fine = bool((stamps % MICROS).any())
            file.writelines(csv_blocks(stamps if fine else stamps // MICROS, columns, "us" if fine else "s"))
            return
        for rows in blocks:
            cells = [_texts(rows, name) for name in facts.columns]
            file.write("".join(",".join(line) + "\n" for line in zip(*cells, strict=True)).encode())


def _column(blocks: list[Rows], name: str) -> Column:
    """Return a column of amounts as it is rendered."""
    whole, *rest = (np.concatenate([rows.values[part] for rows in blocks]) for part in stored_columns(name))
    return Column.of_parts(whole, rest[0]) if rest else Column.of_e8(whole)


def _texts(rows: Rows, name: str) -> list[str]:
    """Return the cells of one column as text."""
    if is_time(name):
        return [iso_stamp(stamp) for stamp in (rows.ts if name == "ts" else rows.values[name]).tolist()]
    if name == VOLUME:
        parts = zip(
            rows.values[f"{VOLUME}_whole"].tolist(), rows.values[f"{VOLUME}_rest"].tolist(), strict=True
        )
        return [f"{whole}{format_e8(rest)[1:]}" if rest else str(whole) for whole, rest in parts]
    return ["" if amount == ABSENT else format_e8(amount) for amount in rows.values[name].tolist()]


def _manifest(manifest: Manifest, root: Path) -> Manifest:
    """Return a dataset's manifest for its tables in another form."""
    if not manifest.files:
        return manifest
    rows = {name.rpartition(".")[0]: entry.rows for name, entry in manifest.files.items()}
    files = {}
    for path in _files(root):
        name = path.relative_to(root).as_posix()
        with open(path, "rb") as file:
            files[name] = FileEntry(
                hashlib.file_digest(file, "sha256").hexdigest(), rows.get(name.rpartition(".")[0])
            )
    return evolve(manifest, files=files)


def _files(root: Path) -> Iterator[Path]:
    yield from sorted(path for path in root.rglob("*") if path.is_file())


def other_form(dataset: Dataset) -> str:
    """Return the form that a dataset is converted to where nobody says which: Parquet, unless it is that."""
    return TEXT if any(facts.source.is_columnar for facts in dataset.files.values()) else COLUMNAR
