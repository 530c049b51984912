"""Writing a dataset: whole files or nothing, and the manifest that vouches for them."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO

from meva_adapters.replay.faults import bad_dataset
from meva_adapters.replay.layout import MANIFEST
from meva_adapters.replay.manifest import FileEntry, Manifest, manifest_tree
from meva_adapters.replay.stamps import iso_stamp
from meva_adapters.replay.survey import survey_data


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of `path` when the block ends well, and vanishes when it does not.

    The content and the folder's entry are on the disk before it returns. Until then a reader sees the old
    file or none: the new one has a name with a leading dot, which datasets ignore.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened, and the rename is durable by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, tree: object) -> None:
    """Write a document with sorted keys, indented, ending with a newline."""
    with replacing(path) as file:
        file.write(json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n")


def write_manifest(
    root: str | PathLike[str],
    *,
    source: str,
    api_version: str,
    interval_seconds: int,
    stamp: str = "close",
) -> Manifest:
    """Read every file of the dataset in `root` and write a manifest of what they hold now.

    `interval_seconds` is the length of a candle, `stamp` says which end of it `ts` is. Raises BadInput if the
    data files have errors: a manifest vouches for data that can be used.
    """
    root = Path(root)
    found = survey_data(root)
    if found.errors:
        raise bad_dataset(str(root), found.errors)
    manifest = Manifest(
        source=source,
        api_version=api_version,
        start=iso_stamp(min(facts.first_ts for facts in found.files.values())),
        end=iso_stamp(max(facts.last_ts for facts in found.files.values())),
        interval_seconds=interval_seconds,
        stamp=stamp,
        files={
            name: FileEntry(sha256, found.files[name].rows if name in found.files else None)
            for name, sha256 in sorted(found.hashes.items())
        },
    )
    write_json(root / MANIFEST, manifest_tree(manifest))
    return manifest
