"""What lies in a folder before anything is recorded into it, and whether a manifest may vouch for it.

A recording's manifest says of every file that it came from the recording's source. So it may be written only
over files of which that is known: none, or those of an earlier recording, unchanged.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Final

from meva_adapters.replay.checking.documents import read_json
from meva_adapters.replay.checking.files import Listing, SourceFile, list_dataset
from meva_adapters.replay.checking.manifest import Manifest, parse_manifest
from meva_adapters.replay.format.faults import FaultList, bad_dataset, shown
from meva_adapters.replay.format.layout import EXCHANGEINFO, KINDS, MANIFEST
from meva_core.errors import BadInput

_BLOCK: Final = 2**20
_ELSEWHERE: Final = "record into another folder"


def examine(root: Path, source: str, interval_seconds: int) -> Manifest | None:
    """Return the manifest that lies in `root`, None where there is nothing at all.

    Raises BadInput for links, for what is no dataset, and for data of another or of no known origin.
    """
    if not root.is_dir():
        return None
    _refuse_links(root)
    listing = list_dataset(root)
    if faults := [fault for fault in listing.errors if fault.code != "missing_folder"]:
        raise bad_dataset(str(root), faults)
    columnar = [file.name for file in listing.data_files if file.is_columnar]
    if columnar:
        raise BadInput(
            f"{root}: {columnar[0]} is a Parquet file, to which nothing is added",
            action=f"make a dataset of text of it: meva replay convert {root} DIR; or {_ELSEWHERE}",
        )
    manifest = _read_manifest(listing)
    if manifest is not None:
        _refuse_other(root, manifest, source, interval_seconds)
    if listing.data_names:
        _refuse_unknown(root, listing, manifest, source)
    return manifest


def verify(root: Path, manifest: Manifest) -> None:
    """Raise BadInput if a file is not what the manifest of an ended recording vouches for.

    A last line without its end is passed over: it is cut off before anything is added.
    """
    if not manifest.files:
        return  # it was killed: what it had written is not on record
    listing = list_dataset(root)
    documents = (listing.exchangeinfo,) if listing.exchangeinfo else ()
    for file in (*listing.data_files, *documents):
        entry = manifest.files.get(file.name)
        if entry is None:
            raise BadInput(
                f"{root}: {MANIFEST} does not list {file.name}, so nothing says where it comes from",
                action=f"move it out of the folder, or {_ELSEWHERE}",
            )
        if entry.sha256 not in _hashes(file):
            raise BadInput(
                f"{root}: {file.name} was changed since it was recorded: {MANIFEST} vouches for another",
                action=f"put it back as it was, or {_ELSEWHERE}; if the change is meant, remove 'files' from "
                f"{MANIFEST}",
            )


def _hashes(file: SourceFile) -> tuple[str, str]:
    """Return the SHA-256 of a file, and that of its whole lines."""
    whole, lines, rest = hashlib.sha256(), hashlib.sha256(), b""
    for offset in range(0, file.size, _BLOCK):
        block = file.read(offset, _BLOCK)
        whole.update(block)
        done, end, rest_of_block = block.rpartition(b"\n")
        if end:
            lines.update(rest + done + end)
            rest = rest_of_block
        else:
            rest += block
    return whole.hexdigest(), lines.hexdigest()


def _refuse_links(root: Path) -> None:
    """Refuse whatever would lead a write to a file that is not the folder's own."""
    for name in (*KINDS, MANIFEST, EXCHANGEINFO):
        _refuse_link(root, name)
    for kind in KINDS:
        folder = root / kind
        if folder.is_dir():
            for entry in sorted(os.listdir(folder)):
                if entry.lower().endswith(".csv"):
                    _refuse_link(root, f"{kind}/{entry}")


def _refuse_link(root: Path, name: str) -> None:
    path = root / name
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode):
        target = shown(os.readlink(path))
        raise BadInput(
            f"{path}: is a link to {target}; what is recorded would be written there",
            action=f"put the file or folder itself in its place, or {_ELSEWHERE}",
        )
    if name.endswith(".csv") and stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        raise BadInput(
            f"{path}: has {found.st_nlink} names (hard links); what is recorded would change all of them",
            action=f"put a copy of it in its place, or {_ELSEWHERE}",
        )


def _read_manifest(listing: Listing) -> Manifest | None:
    if listing.manifest is None:
        return None
    faults = FaultList(MANIFEST)
    manifest = parse_manifest(read_json(listing.manifest)[0], faults)
    if faults.errors:
        raise BadInput(str(faults.errors[0]), action="mend or remove the manifest")
    return manifest


def _refuse_other(root: Path, known: Manifest, source: str, interval_seconds: int) -> None:
    if known.interval_seconds not in (None, interval_seconds):
        raise BadInput(
            f"{root}: holds candles of {known.interval_seconds} s, not of {interval_seconds} s",
            action=f"{_ELSEWHERE}, or with --interval as before",
        )
    if known.source and _host(known.source) != _host(source):
        raise BadInput(f"{root}: holds data of another source, {known.source}", action="use another folder")
    if not known.stand_ins:
        raise BadInput(f"{root}: holds what a run saw: nothing is added", action="use another folder")
    if known.stamp != "close":
        raise BadInput(f"{root}: its candles are stamped with their opening", action="use another folder")


def _refuse_unknown(root: Path, listing: Listing, known: Manifest | None, source: str) -> None:
    """Refuse data of which nothing, or not enough, says where they come from."""
    names = sorted(listing.data_names)
    there = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    line = f'"source": "{source}", "interval": SECONDS, "stamp": "close"'
    action = f"{_ELSEWHERE}; if these data are the exchange's own, write {{{line}}} into {MANIFEST} "
    action += f"and check it with: meva replay validate {root}"
    if known is None:
        raise BadInput(
            f"{root}: holds data ({there}) and no {MANIFEST}: "
            "what would be written at the end would vouch for data that nobody recorded",
            action=action,
        )
    missing = [
        name for name, value in (("source", known.source), ("interval", known.interval_seconds)) if not value
    ]
    if missing:
        raise BadInput(
            f"{root}: holds data ({there}) of which {MANIFEST} does not say the {' and the '.join(missing)}",
            action=action,
        )


def _host(source: str) -> str:
    """Return a source without its port: an emulator may have another one every day."""
    return re.sub(r":[0-9]+", "", source)
