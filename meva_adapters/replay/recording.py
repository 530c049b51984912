"""A dataset while it is being recorded: its files, where they come from, and the manifest at both ends.

A manifest with checksums would be wrong as soon as a row is added. So one without them, which says where
the data come from, stands from the first row on, and the checksums are written when recording ends.
Whatever ends it, what lies there is a dataset.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from meva_adapters.replay.appending import Table
from meva_adapters.replay.documents import read_json
from meva_adapters.replay.faults import FaultList
from meva_adapters.replay.files import list_dataset
from meva_adapters.replay.layout import EXCHANGEINFO, KINDS, MANIFEST
from meva_adapters.replay.manifest import Manifest, manifest_tree, parse_manifest
from meva_adapters.replay.stamps import iso_stamp
from meva_adapters.replay.writer import write_json, write_manifest
from meva_adapters.system.files import replacing
from meva_core.errors import BadInput
from meva_core.ports import Clock, MarketData, RulesSource
from meva_core.rules import RuleStatus, SymbolRules
from meva_core.venue import Metadata

BOOKS_RECORDED: Final = ""


@frozen
class Source:
    """Where data come from, in the manifest's words."""

    name: str
    api_version: str


class Recording:
    """A folder that data are written into, made where it does not exist.

    Raises BadInput if what lies there is of another interval, or if the exchange has not all the symbols.
    """

    def __init__(
        self, root: Path, source: Source, interval_seconds: int, symbols: tuple[str, ...], clock: Clock
    ) -> None:
        self.root = root
        self.symbols = symbols
        self.known: Manifest | None = _read_manifest(root)
        self._clock = clock
        if self.known and self.known.interval_seconds not in (None, interval_seconds):
            raise BadInput(
                f"{root}: holds candles of {self.known.interval_seconds} s, not of {interval_seconds} s",
                action="record into another folder, or with --interval as before",
            )
        if self.known and self.known.source and _host(self.known.source) != _host(source.name):
            raise BadInput(
                f"{root}: holds data of another source, {self.known.source}", action="use another folder"
            )
        if self.known and self.known.stamp != "close":
            raise BadInput(f"{root}: its candles are stamped with their opening", action="use another folder")
        self.manifest = Manifest(
            source=source.name,
            api_version=source.api_version,
            interval_seconds=interval_seconds,
            books=self.known.books if self.known else BOOKS_RECORDED,
        )

    @property
    def books_are_assumed(self) -> bool:
        """Whether the order books that lie there were made from closes."""
        return self.known is not None and self.known.books != BOOKS_RECORDED

    def begin(self, market: MarketData, source: RulesSource) -> dict[str, SymbolRules]:
        """Ask for time and rules, lay out the folder, and note where its data come from; return the rules."""
        metadata = source.metadata()
        rules = dict(zip(self.symbols, source.rules(self.symbols), strict=True))
        missing = [symbol for symbol, rule in rules.items() if rule.status is RuleStatus.MISSING]
        if missing:
            raise BadInput(
                f"{', '.join(missing)}: the exchange has no such pair", action="choose others with --symbols"
            )
        self.manifest = evolve(
            self.manifest,
            server_time=iso_stamp(market.now() // 1000 * 1000),
            local_time=iso_stamp(self._clock.micros() // 1000 * 1000),
        )
        self._lay_out(metadata)
        return rules

    def _lay_out(self, metadata: Metadata) -> None:
        for kind in KINDS:
            (self.root / kind).mkdir(parents=True, exist_ok=True)
        self.note()
        with replacing(self.root / EXCHANGEINFO) as file:
            file.write(metadata.document)

    def note(self, books: str | None = None) -> None:
        """Write the manifest without checksums, which are about to be wrong; `books` changes that word."""
        if books is not None:
            self.manifest = evolve(self.manifest, books=books)
        write_json(self.root / MANIFEST, manifest_tree(self.manifest))

    def table(self, kind: str, symbol: str, *, optional: bool = False) -> Table:
        """Return one file at its end; a new one has the optional columns, or has not."""
        return Table(self.root, KINDS[kind], symbol, optional=optional)

    def finish(self) -> Manifest:
        """Write the manifest with the checksum of every file. Raises BadInput if the data cannot be used."""
        manifest = self.manifest
        return write_manifest(
            self.root,
            source=manifest.source,
            api_version=manifest.api_version,
            interval_seconds=manifest.interval_seconds or 60,
            server_time=manifest.server_time,
            local_time=manifest.local_time,
            books=manifest.books,
        )


def _host(source: str) -> str:
    """Return a source without its port: an emulator may have another one every day."""
    return re.sub(r":[0-9]+", "", source)


def _read_manifest(root: Path) -> Manifest | None:
    found = list_dataset(root).manifest if root.is_dir() else None
    if found is None:
        return None
    faults = FaultList(MANIFEST)
    manifest = parse_manifest(read_json(found)[0], faults)
    if faults.errors:
        raise BadInput(str(faults.errors[0]), action="mend or remove the manifest")
    return manifest
