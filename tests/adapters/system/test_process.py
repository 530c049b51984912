"""Which process this is: real ones, and what a system without /proc says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from meva_adapters.system.process import Process, started_at, this_process

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")


@linux
def test_a_process_is_told_from_all_that_ever_had_its_number() -> None:
    ours = this_process()
    assert (ours.pid, ours.started) == (os.getpid(), started_at(os.getpid()))
    assert len(ours.boot_id) == 36
    assert ours.pid_namespace.startswith("pid:[")
    assert ours.sees(this_process())


@linux
def test_a_process_that_has_ended_has_no_beginning_even_before_it_is_waited_for() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        began = started_at(child.pid)
        assert began is not None
        assert began >= (started_at(os.getpid()) or 0)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert started_at(child.pid) is None
    assert started_at(child.pid) is None


def test_a_name_with_brackets_and_spaces_hides_nothing(tmp_path: Path) -> None:
    fields = ["S", *map(str, range(1, 18)), "0", "4711", "99"]
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text(f"7 (a) Z (b c) {' '.join(fields)}\n")
    assert started_at(7, tmp_path) == 4711


def test_where_nothing_is_known_no_process_is_seen(tmp_path: Path) -> None:
    ours = this_process(tmp_path)
    assert ours == Process(ours.host, os.getpid())
    assert not ours.sees(ours)
