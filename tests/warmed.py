"""What commands import, compile and look up when they first do something, done before they are forked.

A program that forks commands runs a few here itself. Each of its children would do all of that anew, for
longer than it then works.
"""

from __future__ import annotations

import io
import logging
import os
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

from live_account import armed, command_of, live_account
from stage7_runs import make_dataset

from meva_cli.app import run

COMMANDS = (
    "backtest --data {0}/data --cycles 2 --engine interpreted --include-adaptation --json",
    "backtest --data {0}/data --engine interpreted --include-adaptation --resume",
    "runs",
    "report",
    "why",
    "alerts",
    "prove",
    "export --out {0}/cycles.jsonl",
    "count",
)
OF_LIVE_BOOKS = (
    "recheck --db a.db",
    "status --db a.db",
    "kill --reason test --db a.db",
    "arm --reason test --db a.db",
)


def warm_up() -> None:
    """Run commands on databases that are thrown away; what they say is of no interest."""
    loggers = [logging.getLogger(name) for name in (None, "meva_core", "meva_adapters", "meva_cli")]
    were = [(logger.handlers[:], logger.level) for logger in loggers]
    with TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        make_dataset(Path(folder) / "data", minutes=4)
        for command in COMMANDS:
            _run(*command.format(folder).split(), "--db", f"{folder}/a.db")
        _trade(Path(folder) / "live")
    for logger, (handlers, level) in zip(loggers, were, strict=True):
        logger.handlers[:] = handlers
        logger.setLevel(level)


def _trade(folder: Path) -> None:
    """Trade at an exchange in a thread, which ends before anything is forked."""
    folder.mkdir()
    environment = dict(os.environ)
    with live_account(folder) as account, chdir(folder):
        os.environ.update(armed(account))
        try:
            _run(*map(str, command_of("stage4", "a.db", 3, 60)))
            for command in OF_LIVE_BOOKS:
                _run(*command.split())
        finally:
            os.environ.clear()
            os.environ.update(environment)


def _run(*command: str) -> None:
    code = run(command)
    assert code == 0, command
