"""Children to kill, and the run that they would have made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stage7_runs import make_dataset
from victim_settings import SETTINGS

from meva_core.settings import VARIABLES

Victims = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def victims(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victims]:
    """Return a function that runs a command line in a child and says how it ended."""
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    program = [sys.executable, str(Path(__file__).with_name("victims.py"))]
    kept["PYTHONPATH"] = str(Path(__file__).parent.parent)  # where what tests share is
    folder = tmp_path_factory.mktemp("victims")
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder, env=kept | SETTINGS
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        pipes = process.stdin, process.stdout

        def call(*arguments: object, **order: Any) -> dict[str, Any]:
            pipes[0].write(json.dumps({"arguments": [str(a) for a in arguments], **order}) + "\n")
            pipes[0].flush()
            found: dict[str, Any] = json.loads(pipes[1].readline())
            return found

        yield call
        process.stdin.close()


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("market") / "data", minutes=60, symbols=("BTCTRY", "SOLTRY"))
