"""What commands import, compile and look up when they first do something, done before they are forked.

A program that forks commands runs a few here itself. Each of its children would do all of that anew, for
longer than it then works.
"""

from __future__ import annotations

import io
import logging
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

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


def warm_up() -> None:
    """Run commands on a database that is thrown away; what they say is of no interest."""
    loggers = [logging.getLogger(name) for name in (None, "meva_core", "meva_adapters", "meva_cli")]
    were = [(logger.handlers[:], logger.level) for logger in loggers]
    with TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        make_dataset(Path(folder) / "data", minutes=4)
        for command in COMMANDS:
            code = run([*command.format(folder).split(), "--db", f"{folder}/a.db"])
            assert code == 0, command
    for logger, (handlers, level) in zip(loggers, were, strict=True):
        logger.handlers[:] = handlers
        logger.setLevel(level)
