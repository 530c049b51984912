"""How the tests are spread over workers: file by file, the longest first, and a group to one worker.

What a module makes for its tests is made once then, by the worker that has them. The groups are read out of
the sources. Beside pytest 9.2 the names by which pytest-xdist 3.8 tells its scheduler of them do not arrive,
so that it spreads a group like any other tests, and each worker compiles.
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
    "tests/upgrade/test_kills.py",
    "tests/upgrade/test_generations.py",
    "tests/e2e/test_rows_and_columns.py",
    "tests/adapters/sql/test_migrate.py",
    "tests/e2e/test_damage.py",
    "tests/e2e/test_recorded_parity.py",
    "tests/faults/test_order_desk_laws.py",
    "tests/e2e/test_awkward_markets.py",
    "tests/e2e/test_run_stage7.py",
    "tests/test_notebooks.py",
    "tests/sim/test_worlds.py",
    "tests/sim/test_planted_bugs.py",
    "tests/sim/test_a_person_beside.py",
    "tests/e2e/test_strategies_on_emulator.py",
    "tests/core/operating/test_two_desks.py",
    "tests/adapters/asking/test_calls_beside.py",
    "tests/e2e/test_sent_alerts.py",
    "tests/e2e/test_streamed_truth.py",
    "tests/e2e/test_soak.py",
    "tests/cli/test_exchange_commands.py",
    "tests/e2e/test_books_over_runs.py",
    "tests/e2e/test_exported_runs.py",
    "tests/e2e/test_trace_levels.py",
    "tests/upgrade/test_old_parity.py",
    "tests/cli/test_doctor_command.py",
    "tests/faults/test_killed_backtests.py",
    "tests/core/trace/test_by_column.py",
    "tests/cli/test_db_commands.py",
    "tests/cli/test_history_commands.py",
    "tests/faults/test_killed_columns.py",
    "tests/adapters/measuring/test_measure.py",
    "tests/e2e/test_parity_by_columns.py",
    "tests/core/test_oracle.py",
    "tests/cli/test_errors.py",
    "tests/upgrade/test_history.py",
    "tests/core/test_fingerprint.py",
    "tests/adapters/btcturk/test_btcturk_payloads.py",
    "tests/adapters/replay/test_kept_columns.py",
    "tests/core/stages/test_run.py",
    "tests/faults/test_killed_cycles.py",
    "tests/cli/test_quick_commands.py",
    "tests/core/live_history/test_live_words.py",
    "tests/core/live_book/test_a_person.py",
    "tests/core/trace/test_asked.py",
    "tests/adapters/asking/test_asked_beside.py",
    "tests/core/simulated/test_simulated_laws.py",
)
"""What is begun late is waited for at the end, by workers that have nothing else to do."""


class ByGroup(LoadScopeScheduling):
    """Gives files to whoever is free, in the order of their first tests; a group goes to one worker whole."""

    def schedule(self) -> None:
        """Begin, in this order and not with what has the most tests."""
        self.config.option.loadscopereorder = False
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        plain = nodeid if nodeid.endswith("]") else nodeid.partition("@")[0]
        return group_of(plain) or plain.partition("::")[0]


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


def place(item: pytest.Item) -> tuple[int, str]:
    """Return where a test's file stands among all: the smaller, the earlier."""
    path = item.nodeid.partition("::")[0]
    return LONGEST.index(path) if path in LONGEST else len(LONGEST), path


def collected_by(worker: int, workers: int) -> list[str]:
    """Return all files of tests as one of so many workers collects them: each begins with another.

    Each collects every file, and in a fresh checkout all would rewrite the asserts of the same one at the
    same time, and compile it. So they come to it when another has.
    """
    files = sorted(map(str, (ROOT / "tests").rglob("test_*.py")))
    first = len(files) * worker // workers
    return files[first:] + files[:first]
