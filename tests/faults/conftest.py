"""Children to kill, and the run that they would have made."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stage7_runs import make_dataset
from started import Started, begun, server
from victim_settings import SETTINGS

from meva_core.settings import VARIABLES

HERE = Path(__file__).parent
Victims = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def victims(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victims]:
    """Return a function that runs a command line in a child and says how it ended.

    The program that forks the children is itself forked off one that has imported all they need.
    """
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    kept["PYTHONPATH"] = os.pathsep.join(map(str, (HERE, HERE.parent)))  # where what tests share is
    folder = tmp_path_factory.mktemp("victims")
    order = {"module": "victims", "arguments": [], "cwd": str(folder), "env": kept | SETTINGS}
    asked, asking = os.pipe()
    answers, answering = os.pipe()
    pid, told = begun(server(), order, (asked, answering, 2))
    for theirs in (asked, answering):
        os.close(theirs)
    process = Started(pid, told, None, None)
    with open(asking, "w") as orders, open(answers) as ended:

        def call(*arguments: object, **order: Any) -> dict[str, Any]:
            orders.write(json.dumps({"arguments": [str(a) for a in arguments], **order}) + "\n")
            orders.flush()
            found: dict[str, Any] = json.loads(ended.readline())
            return found

        yield call
    process.wait(60)


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("market") / "data", minutes=60, symbols=("BTCTRY", "SOLTRY"))
