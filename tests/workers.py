"""How the tests are spread over workers: the longest first, and those of one group by one worker.

The groups are read out of the sources. Beside pytest 9.2 the names by which pytest-xdist 3.8 tells its
scheduler of them do not arrive, so that it spreads a group like any other tests, and each worker compiles.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parent.parent
LONGEST = (
    "tests/core/test_compiled.py",
    "tests/faults/test_order_desk_laws.py",
    "tests/e2e/test_recorded_books.py",
    "tests/faults/test_killed_backtests.py",
    "tests/cli/test_exchange_commands.py",
    "tests/test_readme.py",
    "tests/core/test_why.py",
    "tests/core/test_oracle.py",
    "tests/adapters/emulator/test_emulator_laws.py",
    "tests/adapters/emulator/test_emulator_oracle.py",
    "tests/adapters/replay/test_dataset_windows.py",
    "tests/upgrade/test_kills.py",
    "tests/e2e/test_added_later.py",
    "tests/core/test_fingerprint.py",
)
"""What is begun late is waited for at the end, by workers that have nothing else to do."""


class ByGroup(LoadScopeScheduling):
    """Gives tests to whoever is free, one by one; a group goes to one worker whole, the largest first."""

    def _split_scope(self, nodeid: str) -> str:
        plain = nodeid if nodeid.endswith("]") else nodeid.partition("@")[0]
        return group_of(plain) or plain


def group_of(nodeid: str) -> str | None:
    """Return the xdist_group of a test, None if it has none."""
    path, _, rest = nodeid.partition("::")
    return _groups(ROOT / path).get(rest.partition("[")[0]) or _groups(ROOT / path).get("")


@cache
def _groups(path: Path) -> dict[str, str]:
    """Return the groups of a module by test, and by "" that of `pytestmark`."""
    source = path.read_text(encoding="utf-8") if path.is_file() else ""
    found: dict[str, str] = {}
    for node in ast.parse(source).body if "xdist_group" in source else []:
        if isinstance(node, ast.FunctionDef):
            marks, name = node.decorator_list, node.name
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            marks, name = [node.value], ""
        else:
            continue
        for call in (call for mark in marks for call in ast.walk(mark) if isinstance(call, ast.Call)):
            if ast.unparse(call.func) == "pytest.mark.xdist_group":
                found[name] = str(ast.literal_eval(call.args[0]))
    return found


def place(item: pytest.Item) -> int:
    """Return where a test stands among all: the smaller, the earlier."""
    path = item.nodeid.partition("::")[0]
    return LONGEST.index(path) if path in LONGEST else len(LONGEST)
