"""Processes that are forked are to others what any process is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from started import Started, run, start


@pytest.fixture
def serving() -> Started:
    """Return a command that goes on until it is ended, and is ready for it."""
    process = start("emulator", "serve", "--port", "0")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("ready: ")
    return process


def test_a_command_has_a_folder_an_environment_and_streams_of_its_own(tmp_path: Path) -> None:
    environment = {**os.environ, "TTL_SECONDS": "77"}
    ended = run("config", "--json", cwd=tmp_path, env=environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "77" in json.dumps(json.loads(ended.stdout))
    (tmp_path / "here.db").touch()
    failed = run("runs", "--db", "her.db", cwd=tmp_path)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert "here.db" in failed.stderr


ENDINGS = [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)]


@pytest.mark.parametrize(("number", "code"), ENDINGS)
def test_a_signal_ends_it_as_it_ends_any(serving: Started, number: signal.Signals, code: int) -> None:
    assert serving.poll() is None
    os.kill(serving.pid, number)
    assert serving.wait(timeout=60) == serving.poll() == code
    serving.communicate()


def test_what_does_not_end_in_time_is_said_to_run_still(serving: Started) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        serving.wait(timeout=0.01)
    serving.kill()
    serving.communicate(timeout=60)
    assert serving.returncode == -signal.SIGKILL
