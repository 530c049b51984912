"""Runs commands in child processes and kills them: a program of its own, without threads, so that it may
fork. It is forked off `forking.py`, and so has imported and done once what its children do.

Reads one JSON object a line: `arguments` of a command line and `rows`, the cycles of a stretch; those of
`join` are a database and a run whose stretches of one cycle are joined to stretches of `rows`, those of
`cycle` a database, a dataset and a time at which the book `main` has a cycle on that market. With `after`
the child is killed after so many seconds, with `statement` right before its statement of that number, else
it runs to its end. Answers each with `killed`, `code`, `seconds`, the number of `statements` and which of
them were `commits`.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from played_market import Played, rows_of

from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset
from meva_adapters.replay.alignment import Alignment
from meva_adapters.replay.plans import pair_entries
from meva_adapters.sql import writer
from meva_adapters.sql.lease import Leases
from meva_adapters.system.clock import SystemClock
from meva_cli.app import run
from meva_cli.wiring import AboutRun
from meva_core.loop import interpreted
from meva_core.settings import build_settings
from meva_core.stages import backtest as stage
from meva_core.stages.book_runs import book_settings
from meva_core.stages.dry_run import DryRun
from meva_core.stages.join import join_ones

USED = ("alembic.command", "pyarrow.compute", "rich.console", "structlog", "meva_cli.commands.backtest")
USED += ("meva_cli.commands.columns", "meva_core.stages.fill", "meva_adapters.sql.from_columns")
USED += ("meva_cli.errors", "meva_cli.wiring", "meva_adapters.replay", "meva_adapters.sql")


def serve() -> None:
    for module in USED:  # so that no child has to
        import_module(module)
    gc.freeze()  # what children share they would write to, looking for garbage in it
    for line in sys.stdin:
        print(json.dumps(ended(json.loads(line))), flush=True)


def ended(order: dict[str, Any]) -> dict[str, Any]:
    """Run one child to its end and say how that came."""
    if order["arguments"][0] == "cycle":
        market_of(order["arguments"][2])  # read once, for all children
    reading, writing = os.pipe()
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.close(reading)
        be_a_victim(order, writing)
    os.close(writing)
    if "after" in order:
        time.sleep(order["after"])
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        statements, commits = json.loads(pipe.read() or "[0, []]")
    return {
        "killed": os.WIFSIGNALED(status),
        "code": os.waitstatus_to_exitcode(status),
        "seconds": time.perf_counter() - began,
        "statements": statements,
        "commits": commits,
    }


def be_a_victim(order: dict[str, Any], writing: int) -> None:
    """Run the command in this process, which ends with it."""
    stage.WINDOW = stage.COMMIT = order["rows"]
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    seen = 0
    commits: list[int] = []

    def before(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == order.get("statement"):
            os.kill(os.getpid(), signal.SIGKILL)

    def before_commit(*_: object) -> None:
        commits.append(seen + 1)
        before()

    sa.event.listen(sa.Engine, "before_cursor_execute", before)
    sa.event.listen(sa.Engine, "commit", before_commit)
    code = do(order["arguments"], order["rows"])
    os.write(writing, json.dumps([seen, commits]).encode())
    os._exit(code)


def do(arguments: list[str], rows: int) -> int:
    """Run a command line, or join stretches, and return the exit code."""
    if arguments[0] == "cycle":
        _, db, folder, at = arguments
        return one_cycle(db, folder, int(at))
    if arguments[0] != "join":
        return run(arguments)
    _, db, run_id = arguments
    with writer(db, durable=False) as store:
        join_ones(store, CODEC, run_id, rest=True, most=rows)
    return 0


@cache
def market_of(folder: str) -> tuple[Any, Any]:
    """Return the rows of a dataset, and the exchange's metadata."""
    return rows_of(Path(folder)), pair_entries(open_dataset(folder).exchangeinfo)


def one_cycle(db: str, folder: str, at: int) -> int:
    """Run one cycle of the book `main` as a process of its own does, which holds it."""
    rows, pairs = market_of(folder)
    with writer(db) as store, writer(db) as beating:
        with store.read() as reads:
            settings = book_settings(reads, "main", build_settings(dict(os.environ)))
        lease = Leases(beating, SystemClock()).take("main")
        market, about = Played(rows, pairs, at), AboutRun(lambda: "interpreted")
        alignment = Alignment(settings.stage7.vol_lookback)
        dry = DryRun(store, CODEC, market, alignment, lease.check, interpreted, about, settings, "main")
        dry.open()
        dry.cycle(20, at, time.sleep)
        lease.release()
    return 0


if __name__ == "__main__":
    serve()
