"""How the tests are run: their children's signals, and which of them go to one worker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from workers import LONGEST, ROOT, ByGroup, collected_by, group_of


def test_a_child_can_be_interrupted() -> None:
    shows = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    child = subprocess.run(
        [sys.executable, "-c", shows], capture_output=True, text=True, check=True, timeout=60
    )
    assert child.stdout == "True\n"


@pytest.mark.skipif(sys.platform == "win32", reason="its jobs are other ones")
def test_a_child_can_be_interrupted_when_the_tests_run_in_the_background_of_a_script() -> None:
    """A script's background job has SIGINT ignored, and so had all that it starts."""
    inner = f"{Path(__file__)}::{test_a_child_can_be_interrupted.__name__}"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", inner]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    script = ["sh", "-c", 'trap "" INT HUP; "$@" & wait $!', "sh", *command]
    ended = subprocess.run(script, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout


def test_what_needs_machine_code_is_one_group_wherever_it_stands() -> None:
    compiled = [
        "tests/core/test_compiled.py::test_both_speeds_give_the_same_bits",
        "tests/e2e/test_one_fingerprint.py::test_interpreted_and_compiled_store_the_same_rows[touch]",
    ]
    assert {group_of(nodeid) for nodeid in compiled} == {"compiled"}
    assert (
        group_of("tests/e2e/test_one_fingerprint.py::test_postgresql_and_sqlite_give_one_fingerprint") is None
    )
    assert group_of("tests/test_workers.py::test_a_child_can_be_interrupted") is None


def test_the_scheduler_takes_a_name_with_its_group_and_without(pytestconfig: pytest.Config) -> None:
    scheduler = object.__new__(ByGroup)
    plain = "tests/core/test_compiled.py::test_both_speeds_give_the_same_bits"
    assert scheduler._split_scope(plain) == scheduler._split_scope(f"{plain}@compiled") == "compiled"
    other = "tests/test_workers.py::test_x[a@b]"
    assert scheduler._split_scope(other) == "tests/test_workers.py"


def test_the_longest_are_there() -> None:
    assert [path for path in LONGEST if not (ROOT / path).is_file()] == []


def test_each_worker_collects_every_file_and_begins_with_another() -> None:
    files = [collected_by(worker, 3) for worker in range(3)]
    assert str(Path(__file__)) in files[0]
    assert all(sorted(one) == files[0] for one in files)
    assert len({one[0] for one in files}) == 3
