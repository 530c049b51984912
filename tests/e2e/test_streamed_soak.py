"""Two loops with streams behind one address, on an exchange where everything goes wrong now and then.

By its own clock, so it is short; HYPOTHESIS_PROFILE=nightly has 500 cycles of each, some nine minutes.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define, field
from emulator_server import Emulator, options, running
from nightly import NIGHTLY
from streamed_loops import SKEW_MS, Shown, looping, ticks_of, touches_off

from meva_adapters.codec import CODEC
from meva_adapters.sql import reader
from meva_cli.progress import NoProgress
from meva_core.history.touches import touches_of
from meva_core.history.window import Window
from meva_core.loop import interpreted
from meva_core.stages.book_runs import pick_book
from meva_core.stages.dry_cycle import Told
from meva_core.stages.dry_loop import DryLoop
from meva_core.stages.prove_book import prove_book

CYCLES: Final = 500 if NIGHTLY else 15
"""Of each loop, one a second."""
CALM: Final = 4
"""So many cycles at the beginning in which all is well."""
AWAY: Final = 3
"""So many in the middle in which there is no stream at all: chance alone may leave every book to it."""
LAGS_MS: Final = 5_000
"""So late a stream may be that falls behind: its frames have no time of their own. A ticker speaks against it
only where it shows what the book did not within a second before and 1.5 s after, and now and then none comes.
"""
RARE: Final = 0.002
FAULTS: Final[tuple[Mapping[str, Any], ...]] = (
    {"fault": "silent", "on": "STREAM *", "probability": RARE, "frames": 40},
    {"fault": "lag", "on": "STREAM *", "probability": RARE, "frames": 20},
    {"fault": "close", "on": "STREAM *", "probability": RARE},
    {"fault": "refuse", "on": "STREAM handshake", "probability": 0.3, "status": 503},
    {"fault": "drop", "on": "STREAM 43*", "probability": 0.02},
    {"fault": "hold", "on": "STREAM 43*", "probability": 0.02},
    {"fault": "repeat", "on": "STREAM 43*", "probability": 0.02},
    {"fault": "spoil", "on": "STREAM *", "probability": 0.01, "how": "html"},
    {"fault": "lose_request", "on": "GET /api/v2/*", "probability": 0.01, "end": "silence"},
    {"fault": "lose_reply", "on": "GET *", "probability": 0.02, "end": "reset"},
    {"fault": "answer", "on": "GET *", "probability": 0.02, "status": 429, "headers": {"Retry-After": "1"}},
    {"fault": "answer", "on": "GET *", "probability": 0.02, "status": 503, "html": True},
    {"fault": "garble", "on": "GET *", "probability": 0.02, "how": "html"},
    {"fault": "cut", "on": "GET *", "probability": 0.02, "at": 40},
    {"fault": "edit", "on": "GET *exchangeinfo", "probability": 0.2, "path": "data.symbols", "value": []},
)
NO_STREAM: Final[tuple[Mapping[str, Any], ...]] = (
    {"fault": "close", "on": "STREAM *"},
    {"fault": "refuse", "on": "STREAM handshake", "status": 503},
)


@define
class Looping:
    """A loop in a thread of its own, and what its cycles told."""

    db: Path
    told: list[tuple[str, int]] = field(factory=list)
    """Run and time of each cycle."""
    failed: list[BaseException] = field(factory=list)

    def take(self, told: Told) -> None:
        self.told.append((told.run_id, told.time))

    def run(self, loop: DryLoop, cycles: int) -> None:
        loop.cycles = loop.ran + cycles
        try:
            loop.run()
        except BaseException as error:
            self.failed.append(error)
            raise


@define
class Soaked:
    """What two loops came to, what the exchange showed, and what happened there."""

    loops: list[Looping]
    shown: Shown
    ticks: Mapping[str, Decimal]
    state: Mapping[str, Any]


def side_by_side(loops: list[tuple[Looping, DryLoop]], cycles: int) -> None:
    """Run so many cycles of each loop, at once."""
    threads = [threading.Thread(target=one.run, args=(loop, cycles)) for one, loop in loops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def struck_by(emulator: Emulator, rules: tuple[Mapping[str, Any], ...]) -> None:
    """Put these rules in the place of those in force."""
    emulator.control("DELETE", "faults")
    assert emulator.control("POST", "faults", json={"rules": rules}).status_code == 200


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> Soaked:
    folder, shown = tmp_path_factory.mktemp("soak"), Shown()
    with running(options(), watch=shown.watch) as emulator, ExitStack() as opened:
        loops = []
        for name in ("one", "two"):
            one = Looping(folder / f"{name}.db")
            loops.append((one, opened.enter_context(looping(emulator, one.db, one.take))))
        side_by_side(loops, CALM)
        struck_by(emulator, FAULTS)
        side_by_side(loops, (CYCLES - CALM - AWAY) // 2)
        struck_by(emulator, NO_STREAM)
        side_by_side(loops, AWAY)
        struck_by(emulator, FAULTS)
        emulator.control("POST", "policy", json={"clock_skew_ms": SKEW_MS})
        side_by_side(loops, (CYCLES - CALM - AWAY + 1) // 2)
        emulator.control("DELETE", "faults")
        return Soaked(
            [one for one, _ in loops], shown, ticks_of(emulator), emulator.control("GET", "state").json()
        )


def test_every_cycle_was_run_and_no_request_was_over_a_budget(soaked: Soaked) -> None:
    for one in soaked.loops:
        times = [time for _, time in one.told]
        assert (one.failed, len(times), times) == ([], CYCLES, sorted(set(times)))
    assert soaked.state["over_budget"] == {}
    struck = set(soaked.state["happened"])
    assert struck <= {str(rule["fault"]) for rule in FAULTS}
    assert len(struck) == len({str(rule["fault"]) for rule in FAULTS}) if NIGHTLY else len(struck) > 3


def test_each_touch_is_one_that_the_exchange_showed_then(soaked: Soaked) -> None:
    for one in soaked.loops:
        stored, wrong = touches_off(one.db, soaked.shown, soaked.ticks, LAGS_MS)
        assert wrong == []
        assert stored > CYCLES


def test_books_came_from_the_stream_and_where_it_was_of_no_use_were_asked_for(soaked: Soaked) -> None:
    for one in soaked.loops:
        sources = Counter[str]()
        with reader(one.db) as store, store.read() as reads:
            for run_id, time in one.told:
                window = Window(run_id, "", *[datetime.fromtimestamp(time, UTC)] * 2)
                sources.update(
                    touch.source for touch in touches_of(reads, window, CODEC.decode, CODEC.columns)
                )
        assert sources["stream"] > (CYCLES if NIGHTLY else CALM), sources
        assert sources["book"] > 0, sources


def test_both_books_are_proved(soaked: Soaked) -> None:
    for one in soaked.loops:
        with reader(one.db) as store, store.read() as reads:
            proofs = list(prove_book(reads, pick_book(reads, "main"), CODEC, interpreted, NoProgress()))
        assert [proof.difference for proof in proofs] == [None] * len(proofs)
        assert sum(proof.cycles for proof in proofs) == CYCLES
