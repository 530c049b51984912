"""A dataset while it is being recorded: its files, where they come from, and the manifest at both ends.

A manifest with checksums would be wrong as soon as a row is added. So one without them, which says where
the data come from, stands from the first row on, and the checksums are written when recording ends.
Whatever ends it, what lies there is a dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from meva_adapters.replay.checking.manifest import Manifest, manifest_tree
from meva_adapters.replay.format.layout import EXCHANGEINFO, KINDS, MANIFEST
from meva_adapters.replay.format.stamps import iso_stamp
from meva_adapters.replay.recording.appending import Table
from meva_adapters.replay.recording.cells import price_grid
from meva_adapters.replay.recording.holding import held
from meva_adapters.replay.recording.origin import examine, verify
from meva_adapters.replay.recording.writer import write_json, write_manifest
from meva_adapters.system.files import make_folder, replacing
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

    Raises BadInput if what lies there may not be continued: links, another interval or source, or no word
    of where it comes from.
    """

    def __init__(
        self, root: Path, source: Source, interval_seconds: int, symbols: tuple[str, ...], clock: Clock
    ) -> None:
        self.root = root
        self.symbols = symbols
        self.grids: dict[str, Decimal | None] = {}
        """The finest step of a pair's prices, where the exchange says it."""
        self._source = source
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._examine()

    def _examine(self) -> None:
        self.known = examine(self.root, self._source.name, self._interval_seconds)
        self.manifest = Manifest(
            source=self._source.name,
            api_version=self._source.api_version,
            interval_seconds=self._interval_seconds,
            books=self.known.books if self.known else BOOKS_RECORDED,
            answered=self.known.answered if self.known else {},
        )

    @property
    def books_are_assumed(self) -> bool:
        """Whether the order books that lie there were made from closes."""
        return self.known is not None and self.known.books != BOOKS_RECORDED

    @contextmanager
    def begin(
        self, market: MarketData, source: RulesSource, may_go_on: Callable[[], None]
    ) -> Iterator[dict[str, SymbolRules]]:
        """Hold the folder, ask for time and rules, and note where its data come from; yields the rules.

        What lies there is looked at again once the folder is held, and `may_go_on` raises what it has against
        it. Raises BadInput, with nothing written, if another process records here, or if the exchange has not
        all the symbols.
        """
        with ExitStack() as stack:
            was_there = self.root.is_dir()
            if was_there:
                self._hold(stack, may_go_on)
            rules, metadata = self._ask(source)
            if not was_there:
                self.root.mkdir(parents=True, exist_ok=True)
                self._hold(stack, may_go_on)
            self._lay_out(metadata, market.now())
            yield rules

    def _hold(self, stack: ExitStack, may_go_on: Callable[[], None]) -> None:
        stack.enter_context(held(self.root))
        self._examine()
        if self.known is not None:
            verify(self.root, self.known)
        may_go_on()

    def _ask(self, source: RulesSource) -> tuple[dict[str, SymbolRules], Metadata]:
        metadata = source.metadata()
        rules = dict(zip(self.symbols, source.rules(self.symbols), strict=True))
        missing = [symbol for symbol, rule in rules.items() if rule.status is RuleStatus.MISSING]
        if missing:
            raise BadInput(
                f"{', '.join(missing)}: the exchange has no such pair", action="choose others with --symbols"
            )
        self.grids = {symbol: price_grid(metadata, symbol) for symbol in self.symbols}
        return rules, metadata

    def _lay_out(self, metadata: Metadata, server_micros: int) -> None:
        self.manifest = evolve(
            self.manifest,
            server_time=iso_stamp(server_micros // 1000 * 1000),
            local_time=iso_stamp(self._clock.micros() // 1000 * 1000),
        )
        for kind in KINDS:
            make_folder(self.root / kind)
        self.note()
        with replacing(self.root / EXCHANGEINFO) as file:
            file.write(metadata.document)

    def note(self, **words: Any) -> None:
        """Write the manifest without checksums, which are about to be wrong; `words` are its fields that
        change."""
        self.manifest = evolve(self.manifest, **words)
        write_json(self.root / MANIFEST, manifest_tree(self.manifest))

    def table(self, kind: str, symbol: str, *, optional: bool = False, known: bool = False) -> Table:
        """Return one file at its end; a new one has the optional columns and `known`, or has not."""
        return Table(self.root, KINDS[kind], symbol, optional=optional, known=known)

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
            answered=manifest.answered,
        )
