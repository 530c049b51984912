"""A stored run, or a book with all of its runs, opened in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from meva_adapters.arrow_tables import Tables
from meva_adapters.codec import CODEC
from meva_adapters.notebook.given import noted, rate
from meva_adapters.notebook.views import Story, Views
from meva_adapters.pictures.retelling import told_and_gathered
from meva_adapters.trades_table import trades_table
from meva_core.ports import Reads
from meva_core.stages.accounts import Account
from meva_core.stages.picking import asked_account
from meva_core.stages.summary import parts_of
from meva_core.stretches.opened import made_of
from meva_core.stretches.recorded import recorded_run

if TYPE_CHECKING:
    from sqlalchemy import URL


def open_run(
    db: str | PathLike[str], run: str | None = None, *, book: str | None = None, cash_rate: float = 0
) -> Stored:
    """Open a run of a database, the last one where none is named, or a book with all of its runs.

    `db` is a file or the URL of a database, `cash_rate` what cash earns in a year, as a ratio. It is read
    when something is looked at. Of a run that goes on, open it again to see what came since. Raises BadInput
    for a run or a book that is not there, StoreUnready for a database that is not there, has no run or is of
    another version.
    """
    from meva_adapters.sql import reader  # backtests in memory do without
    from meva_adapters.sql.addresses import database_url

    with noted():
        url = database_url(fspath(db))
        with reader(url) as store, store.read() as reads:
            return Stored(url, asked_account(reads, run, book), rate("cash_rate", cash_rate))


class Stored(Views):
    """What is stored of a run or a book."""

    def __init__(self, url: URL, account: Account, cash_rate: float) -> None:
        self._url, self._asked, self._cash_rate = url, account, cash_rate

    @property
    def _account(self) -> Account:
        return self._asked

    @contextmanager
    def _look(self) -> Iterator[Reads]:
        from meva_adapters.sql import reader

        with reader(self._url) as store, store.read() as reads:
            yield reads

    def _story(self) -> Story:
        with noted():
            return self._retold

    def _tables(self) -> dict[str, pa.Table]:
        with noted():
            return self._read

    @cached_property
    def _retold(self) -> Story:
        with self._look() as reads:
            found, gathered = told_and_gathered(reads, self._asked, self._cash_rate)
        return Story(found.summary, trades_table(found.trips), gathered)

    @cached_property
    def _read(self) -> dict[str, pa.Table]:
        with self._look() as reads:
            runs = [_tables_of(reads, row) for row in self._asked.runs]
        return {name: pa.concat_tables([tables[name] for tables in runs]) for name in runs[0]}


def _tables_of(reads: Reads, row: Mapping[str, Any]) -> dict[str, pa.Table]:
    """Return the tables of a run, a row of stage7_runs, out of its columns."""
    run = recorded_run(row, CODEC.decode)
    tables = Tables(run.symbols)
    links = [link for (link,) in reads.rows("stage7_cycle_digests", ("link_sha256",), run_id=run.run_id)]
    done = 0
    for stored, part in parts_of(reads, row, run, CODEC):
        count = part.stop - part.start
        with made_of(stored):
            tables.take(part.market, part.out, part.start, part.stop, links[done : done + count])
        done += count
    return dict(tables.tables())
