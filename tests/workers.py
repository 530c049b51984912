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
    "tests/cli/test_exchange_commands.py",
    "tests/e2e/test_strategies_on_emulator.py",
    "tests/upgrade/test_kills.py",
    "tests/sim/test_worlds.py",
    "tests/e2e/test_live_faults.py",
    "tests/e2e/test_run_stage7.py",
    "tests/e2e/test_live_stores.py",
    "tests/e2e/test_live_commands.py",
    "tests/e2e/test_prove.py",
    "tests/adapters/sql/test_migrate.py",
    "tests/e2e/test_rows_and_columns.py",
    "tests/cli/test_doctor_command.py",
    "tests/test_notebooks.py",
    "tests/e2e/test_killed_loops.py",
    "tests/e2e/test_strategy_check.py",
    "tests/e2e/test_live_dry.py",
    "tests/e2e/test_deciding.py",
    "tests/e2e/test_streamed_truth.py",
    "tests/cli/test_errors.py",
    "tests/e2e/test_live_strategies.py",
    "tests/e2e/test_books_over_runs.py",
    "tests/faults/test_killed_backtests.py",
    "tests/e2e/test_sent_alerts.py",
    "tests/upgrade/test_generations.py",
    "tests/e2e/test_exported_runs.py",
    "tests/upgrade/test_history.py",
    "tests/cli/test_db_commands.py",
    "tests/e2e/test_one_fingerprint.py",
    "tests/e2e/test_html_report.py",
    "tests/cli/test_quick_commands.py",
    "tests/e2e/test_strategies.py",
    "tests/e2e/test_damage.py",
    "tests/e2e/test_live_html_report.py",
    "tests/e2e/test_awkward_markets.py",
    "tests/e2e/test_recorded_parity.py",
    "tests/adapters/measuring/test_measure.py",
    "tests/adapters/asking/test_calls_beside.py",
    "tests/adapters/system/test_machine_code.py",
    "tests/adapters/system/test_compiling_beside.py",
    "tests/adapters/emulator/test_emulator_rest.py",
    "tests/sim/test_a_person_beside.py",
    "tests/ports/test_exchange_faults.py",
    "tests/faults/test_killed_columns.py",
    "tests/core/operating/test_two_desks.py",
    "tests/core/trace/test_by_column.py",
    "tests/e2e/test_trace_levels.py",
    "tests/adapters/measuring/test_streamed.py",
    "tests/test_architecture.py",
    "tests/adapters/sql/test_transfer.py",
    "tests/e2e/test_streamed_soak.py",
    "tests/adapters/replay/test_dataset_columns.py",
    "tests/adapters/asking/test_asked_beside.py",
    "tests/adapters/sql/test_store.py",
    "tests/core/trace/test_asked.py",
    "tests/upgrade/test_adopted_live_cycles.py",
    "tests/core/test_fingerprint.py",
    "tests/e2e/test_metrics.py",
    "tests/cli/test_strategy_command.py",
    "tests/adapters/alerts/test_known_addresses.py",
    "tests/sim/test_planted_bugs.py",
    "tests/core/stages/test_run.py",
    "tests/core/test_choices.py",
    "tests/e2e/test_live_outages.py",
    "tests/adapters/emulator/test_emulator_seeds.py",
    "tests/e2e/test_added_later.py",
    "tests/e2e/test_dry_rules.py",
    "tests/adapters/notebook/test_notebook.py",
    "tests/adapters/metrics/test_cycle_meters.py",
    "tests/adapters/measuring/test_many_pairs.py",
    "tests/adapters/emulator/test_emulator_stream.py",
    "tests/core/operating/test_bounded_watches.py",
    "tests/core/trace/test_rendering.py",
    "tests/upgrade/test_revision_0002.py",
    "tests/core/stretches/test_opened.py",
    "tests/upgrade/test_old_parity.py",
    "tests/adapters/sql/test_lease.py",
    "tests/core/test_oracle.py",
    "tests/cli/test_history_commands.py",
    "tests/adapters/btcturk/test_btcturk_payloads.py",
    "tests/adapters/system/test_events.py",
    "tests/sim/test_failing_disks.py",
    "tests/e2e/test_joined_stretches.py",
    "tests/faults/test_order_desk_laws.py",
    "tests/adapters/replay/test_recording_folder.py",
    "tests/e2e/test_fill_and_slim.py",
    "tests/cli/test_live_books_commands.py",
    "tests/adapters/emulator/test_emulator_faults.py",
    "tests/core/test_settings.py",
    "tests/adapters/emulator/test_emulator_oracle.py",
    "tests/adapters/replay/test_dataset_windows.py",
    "tests/core/test_flows.py",
    "tests/adapters/notebook/test_views.py",
    "tests/e2e/test_own_strategy_everywhere.py",
    "tests/e2e/test_live_adopted.py",
    "tests/e2e/test_long_runs.py",
    "tests/adapters/sql/test_glance.py",
    "tests/ports/test_order_desk_proofs.py",
    "tests/ports/test_order_desk.py",
    "tests/cli/test_emulator_command.py",
    "tests/adapters/btcturk/test_btcturk_stream.py",
    "tests/core/test_halves.py",
    "tests/ports/test_cycles_at_an_exchange.py",
    "tests/core/stretches/test_rows.py",
    "tests/e2e/test_recorded_backtests.py",
    "tests/adapters/replay/test_fetch.py",
    "tests/adapters/metrics/test_serving.py",
    "tests/core/test_golden_fingerprints.py",
    "tests/e2e/test_recorded_books.py",
    "tests/e2e/test_loop_and_processes.py",
    "tests/e2e/test_live_gates.py",
    "tests/core/strategy/test_checking.py",
    "tests/core/stretches/test_joining.py",
    "tests/cli/test_figures_page.py",
    "tests/adapters/emulator/test_emulator_candles.py",
    "tests/core/test_state.py",
    "tests/e2e/test_parity_by_columns.py",
    "tests/core/test_why.py",
    "tests/faults/test_killed_cycles.py",
    "tests/core/test_machine.py",
    "tests/cli/test_rehearse_command.py",
    "tests/cli/test_doctor_for_live.py",
    "tests/adapters/replay/test_alignment.py",
    "tests/e2e/test_soak.py",
    "tests/adapters/alerts/test_receivers.py",
    "tests/adapters/export/test_export_formats.py",
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
