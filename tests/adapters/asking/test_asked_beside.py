"""A strategy in a process of its own: whatever it does there, there is an answer, or why there is none."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meva_adapters.asking import AskedBeside
from meva_adapters.asking.frames import Ended, Late, Pipes, packed
from meva_adapters.strategies.loading import load
from meva_core.amounts import E8
from meva_core.market import empty_market
from meva_core.strategy.asking import Failure, Shown
from meva_core.strategy.bars import no_bars

START = 1_767_225_600
ODD = """
import os, sys
import numpy as np
from meva_core.strategy import Strategy, param

class Odd(Strategy):
    share = param(0.5)

    def weights(self, h):
        what = int(h.bid[0, 0])
        if what == 1:
            while True:
                pass
        if what == 2:
            os._exit(3)
        if what == 3:
            raise LookupError("no idea")
        if what == 4:
            sys.exit(0)
        if what == 5:
            h.bid[0, 0] = 1.0
        print("what it prints goes to stderr")
        return {
            6: "half",
            7: [[0.5], [0.5, 0.1]],
            8: np.full(h.bid.shape, np.inf),
            9: np.full(h.bid.shape, np.nan),
            10: np.full(h.bid.shape, -1e-18),
            11: np.array([[0.6, 0.6]]),
            12: np.full((2, 2), 0.1),
        }.get(what, np.array([[self.share, h.bid[0, 1] / 100]]))
"""
BEGINS = """
import os, subprocess
from meva_core.strategy import Strategy, param

class Begins(Strategy):
    held = param("")

    def weights(self, h):
        end = os.open(self.held, os.O_WRONLY)
        os.write(end, b"x")
        subprocess.Popen(["sleep", "600"], pass_fds=[end])
        os._exit(3)
"""
PLAIN, HANGS, EXITS, RAISES, LEAVES, WRITES, TEXT, RAGGED, INFINITE, NANS, BELOW, MUCH, SHAPE = range(13)


@contextmanager
def asker_in(folder: Path) -> Iterator[AskedBeside]:
    (folder / "odd.py").write_text(ODD)
    spec = f"{folder}/odd.py:Odd"
    with closing(AskedBeside(spec, load(spec, {"share": "0.25"}), seconds=30)) as made:
        yield made


@pytest.fixture
def asker(tmp_path: Path) -> Iterator[AskedBeside]:
    with asker_in(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskedBeside]:
    """One that fails in each test."""
    with asker_in(tmp_path_factory.mktemp("failing")) as made:
        yield made


def ask(asker: AskedBeside, what: int) -> Any:
    market = empty_market(1, 2)
    market.time[:], market.bid[0] = START, (what * E8, 30 * E8)
    return asker.ask(Shown(("ATRY", "BTRY"), market, no_bars(2), None, marks_are_last=False))


def pid_of(asker: AskedBeside) -> int:
    assert asker._running is not None
    return asker._running.process.pid


def test_its_weights_come_back_rounded_as_they_are_stored(asker: AskedBeside) -> None:
    assert ask(asker, PLAIN).tolist() == [[E8 // 4, 3 * E8 // 10]]
    assert ask(asker, NANS).tolist() == [[-1, -1]]
    assert ask(asker, BELOW).tolist() == [[0, 0]]
    assert ask(asker, PLAIN).dtype == np.int64


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (RAISES, "raised LookupError: no idea (odd.py:"),
        (LEAVES, "raised SystemExit: 0 (odd.py:"),
        (WRITES, "raised ValueError: assignment destination is read-only"),
        (TEXT, "returned 'half' for the cycle"),
        (RAGGED, "returned a list for the cycle"),
        (INFINITE, "ATRY: weight inf; expected 0 to 1"),
        (MUCH, "the weights sum up to 1.2; expected at most 1"),
        (SHAPE, "returned float64 [2, 2]"),
    ],
)
def test_what_it_fails_with_is_said_and_the_process_goes_on(
    failing: AskedBeside, what: int, said: str
) -> None:
    ask(failing, PLAIN)
    process = pid_of(failing)
    failure = ask(failing, what)
    assert isinstance(failure, Failure)
    assert said in failure.message
    assert ("Traceback" in failure.traceback) == (what in (RAISES, LEAVES, WRITES))
    assert ask(failing, PLAIN).tolist() == [[E8 // 4, 3 * E8 // 10]]
    assert pid_of(failing) == process


def test_one_that_hangs_is_ended_and_asked_again_in_another_process(asker: AskedBeside) -> None:
    beats: list[int] = []
    asker.beat = lambda: beats.append(1)
    asker.close()
    ask(asker, PLAIN)
    process, asker.seconds = pid_of(asker), 1.5
    failure = ask(asker, HANGS)
    assert failure.message.startswith(
        "strategy odd did not answer within 1.5 s at the cycle of 2026-01-01T00:00"
    )
    assert beats  # whoever waits says so meanwhile
    assert_gone(process)
    asker.seconds = 30
    assert ask(asker, PLAIN).tolist() == [[E8 // 4, 3 * E8 // 10]]
    assert pid_of(asker) != process


def assert_gone(process: int) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_one_that_ends_its_process_is_said_to_have_and_begins_anew(asker: AskedBeside) -> None:
    failure = ask(asker, EXITS)
    assert "its process ended at the cycle of" in failure.message
    assert failure.message.endswith("exit code 3")
    assert ask(asker, PLAIN).tolist() == [[E8 // 4, 3 * E8 // 10]]


def test_what_to_do_about_one_that_is_late_is_said_of_its_answer_and_of_its_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd.py").write_text(ODD)
    spec = f"{tmp_path}/odd.py:Odd"
    with closing(AskedBeside(spec, load(spec), seconds=0.05)) as asker:
        late = ask(asker, HANGS)
        (tmp_path / "odd.py").write_text("import time\ntime.sleep(600)\n")
        monkeypatch.setattr("meva_adapters.asking.process.BEGINS_WITHIN", 0.05)
        unloaded = ask(asker, PLAIN)
    assert "did not answer within 0.05 s" in late.message
    assert late.action == "make it quicker, or allow more: STRATEGY_TIMEOUT_SEC"
    assert "was not loaded within 0.05 s" in unloaded.message
    assert "STRATEGY_TIMEOUT_SEC" not in unloaded.action
    assert "no setting allows more" in unloaded.action


def test_what_it_began_ends_with_its_process(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "held")
    reading = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    (tmp_path / "begins.py").write_text(BEGINS)
    spec = f"{tmp_path}/begins.py:Begins"
    try:
        failure = ask(AskedBeside(spec, load(spec, {"held": str(tmp_path / "held")}), seconds=30), PLAIN)
        assert failure.message.endswith("exit code 3")
        assert os.read(reading, 1) == b"x"
        assert select.select([reading], [], [], 30)[0]  # nobody holds its other end any more
        assert os.read(reading, 1) == b""
    finally:
        os.close(reading)


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="a system that chooses by itself")
def test_where_memory_runs_out_it_goes_before_the_loop(asker: AskedBeside) -> None:
    ask(asker, PLAIN)
    assert Path(f"/proc/{pid_of(asker)}/oom_score_adj").read_text().strip() == "1000"


def test_one_whose_source_is_another_by_now_is_not_asked(asker: AskedBeside, tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(ODD + "\n# another\n")
    failure = ask(asker, PLAIN)
    assert "strategy odd is another one than when the run was begun: source_sha256" in failure.message


def test_nor_is_one_whose_package_beside_it_is_another(tmp_path: Path) -> None:
    (tmp_path / "signals").mkdir()
    (tmp_path / "signals" / "core.py").write_text("SHARE = 0.1")
    (tmp_path / "odd.py").write_text(f"from signals.core import SHARE\n{ODD}")
    spec = f"{tmp_path}/odd.py:Odd"
    with closing(AskedBeside(spec, load(spec), seconds=30)) as asker:
        (tmp_path / "signals" / "core.py").write_text("SHARE = 0.9")
        failure = ask(asker, PLAIN)
    assert "strategy odd is another one than when the run was begun: source_sha256" in failure.message


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="a system that does not show it")
def test_its_process_is_given_no_secret_of_the_settings(
    asker: AskedBeside, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BTCTURK_API_KEY", "BTCTURK_API_SECRET", "MEVA_DATABASE_URL", "MEVA_ALERT_URLS"):
        monkeypatch.setenv(name, f"canary-{name}")
    monkeypatch.setenv("SYMBOLS", "BTCTRY")
    ask(asker, PLAIN)
    given = Path(f"/proc/{pid_of(asker)}/environ").read_bytes()
    assert b"SYMBOLS=BTCTRY" in given
    assert b"canary" not in given


def test_at_the_end_no_process_is_left(asker: AskedBeside) -> None:
    ask(asker, PLAIN)
    process = pid_of(asker)
    asker.close()
    assert_gone(process)


# -- Frames -----------------------------------------------------------------------------------------------


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    reading, writing = os.pipe()
    made = Pipes(reading, writing)
    yield made
    for end in (reading, writing):
        os.close(end)


def test_a_frame_is_read_as_it_was_written(pipes: Pipes) -> None:
    columns = [np.arange(6).reshape(2, 3), np.zeros((0, 4), dtype=np.int64), np.array([-(2**63)])]
    pipes.write(packed({"name": "ğ", "none": None}, columns))
    document, found = pipes.read()
    assert document == {"name": "ğ", "none": None}
    assert all(np.array_equal(a, b) for a, b in zip(columns, found, strict=True))


@pytest.mark.parametrize(
    "head", [b"nope", b"[]", b"{}", b'{"shapes": 1}', b'{"shapes": [[-1]]}', b'{"shapes": [[1000000000]]}']
)
def test_what_is_no_frame_ends_it(pipes: Pipes, now: Callable[[], float], head: bytes) -> None:
    pipes.write(len(head).to_bytes(4, "little") + head)
    with pytest.raises(Ended):
        pipes.read(until=now() + 30)


def test_a_document_that_is_too_long_is_not_read(pipes: Pipes, now: Callable[[], float]) -> None:
    pipes.write((2**31).to_bytes(4, "little"))
    with pytest.raises(Ended, match="a document of 2147483648 bytes"):
        pipes.read(until=now() + 30)


def test_who_says_nothing_is_late_and_who_has_ended_says_so(pipes: Pipes, now: Callable[[], float]) -> None:
    with pytest.raises(Late):
        pipes.read(until=now())
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(Ended):
        Pipes(reading, pipes.writing).read(until=now() + 30)
    os.close(reading)


@pytest.fixture
def now() -> Callable[[], float]:
    import time

    return time.monotonic
