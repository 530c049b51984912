"""A trader's own strategies of Stages 3 and 4, each in a process of its own: what one says there is what it
would say here, and whatever it does costs its own answer alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attrs import evolve
from drawn_cycles import drawn
from forked import fork
from hypothesis import given
from hypothesis import strategies as st
from operational_cases import TIME, inputs, sent

from meva_adapters.asking import CallsBeside, calls_beside
from meva_adapters.strategies.listed import load_listed
from meva_adapters.strategies.loading import Chosen
from meva_core.ids import canonical_json
from meva_core.operational.decide import Decided, decide
from meva_core.operational.documents import document_of
from meva_core.operational.inputs import Bars, Inputs, Listed
from meva_core.operational.recheck import recheck
from meva_core.strategy.asking import Failure

HERE = Path(__file__).parent
DRAWN = ("orders", "shares", "row", "slips")
ODD = """
import os, sys, time
from decimal import Decimal
from meva_core.strategy import Intent, Side, Strategy

class Odd(Strategy):
    def decide(self, view, memory):
        memory["n"] = memory.get("n", 0) + 1
        print("what it prints goes to stderr")
        os.write(1, b"and so does what it writes")
        if memory["n"] == 2:
            {does}
        return [Intent("BTCTRY", Side.BUY, 150)]
"""


@pytest.fixture(autouse=True)
def _forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork their processes; those of `beside`, a fixture of the module, are begun before, as any are."""
    fork(monkeypatch.setattr)


def listed_in(place: Path, *names: str) -> dict[str, Chosen]:
    """Return strategies by their ids, of files of this folder or such as come with Meva."""
    return {name: load_listed(name, places=[place]) for name in names}


def asked(made: Inputs, chosen: dict[str, Chosen], *call: CallsBeside) -> Decided:
    """Return what is decided, asked in this process or by another call."""
    return decide(made, {name: one.strategy for name, one in chosen.items()}, *call)


# -- What it says there is what it would say here ---------------------------------------------------------


@pytest.fixture(scope="module")
def beside() -> Iterator[tuple[dict[str, Chosen], CallsBeside]]:
    chosen = listed_in(HERE, *DRAWN)
    with calls_beside([*chosen.values()], 60.0) as call:
        yield chosen, call


def bars_of(random: Random, names: tuple[str, ...], seconds: int, count: int) -> Bars:
    """Return bars up to the cycle, some of them without a trade."""
    times = tuple(TIME // seconds * seconds - seconds * n for n in reversed(range(count)))

    def cells() -> tuple[tuple[int | None, ...], ...]:
        return tuple(
            tuple(None if random.random() < 0.1 else random.randint(1, 10**14) for _ in names) for _ in times
        )

    return Bars(symbols=names, time=times, known=times, open=cells(), high=cells(), low=cells(),
                close=cells(), volume=cells())  # fmt: skip


def drawn_inputs(seed: int) -> Inputs:
    """Return inputs for all of the drawn strategies, in the second cycle that they are asked in."""
    random = Random(seed)
    made, _ = drawn(random)
    names = tuple(symbol.name for symbol in made.symbols)[random.choice((0, 0, 1)) :]
    return evolve(
        made,
        time=made.time + random.randint(0, 3),
        orders=[evolve(one, created=one.created - random.randint(0, 10**6)) for one in made.orders],
        strategies=[Listed(name, random.choice((0, 100, 100, 250))) for name in DRAWN],
        memories=dict.fromkeys(random.sample(DRAWN, 3), '{"n":1,"saw":["before"]}'),
        bars={"60": bars_of(random, names, 60, 6), "3600": bars_of(random, names, 3600, 9)},
        marks_are_last=random.random() < 0.3,
        before=random.choice((None, made.time - 60)),
    )


@given(st.integers(0, 2**32))
def test_whatever_it_sees_its_answer_beside_is_its_answer_here(
    beside: tuple[dict[str, Chosen], CallsBeside], seed: int
) -> None:
    chosen, call = beside
    made = drawn_inputs(seed)
    there, here = asked(made, chosen, call), asked(made, chosen)
    assert there == here
    documents = [
        canonical_json([document_of(one.inputs), document_of(one.decisions)]) for one in (there, here)
    ]
    assert documents[0] == documents[1]
    stored = (json.loads(canonical_json(document_of(part))) for part in (there.inputs, there.decisions))
    assert recheck(*stored, {name: one.strategy for name, one in chosen.items()}) is None


def test_a_strategy_sees_as_many_bars_as_it_needs_whatever_others_do(
    beside: tuple[dict[str, Chosen], CallsBeside],
) -> None:
    made = evolve(drawn_inputs(7), memories={})
    fewer = {seconds: cut(bars, 5) for seconds, bars in made.bars.items()}
    saw = [asked(evolve(made, bars=bars), *beside).decisions.memories for bars in (made.bars, fewer)]
    assert saw[0]["orders"] == saw[1]["orders"]
    assert saw[0]["shares"] == saw[1]["shares"]


def cut(bars: Bars, count: int) -> Bars:
    columns = ("time", "known", "open", "high", "low", "close", "volume")
    return evolve(bars, **{name: getattr(bars, name)[-count:] for name in columns})


# -- Whatever it does -------------------------------------------------------------------------------------

BESIDE = ("raise LookupError('no idea')", "os.kill(os.getpid(), 9)", "while True: pass")
"""What is done beside another strategy's process as well."""


def lists(folder: Path, does: str) -> dict[str, Chosen]:
    """Return a strategy that does something when it has 1 in mind, and two others beside it."""
    (folder / "odd.py").write_text(ODD.replace("{does}", does))
    (folder / "even.py").write_text(
        ODD.replace("{does}", "pass").replace("Odd", "Even").replace("BTC", "ETH")
    )
    return listed_in(folder, "odd", "even", "profit_aware_v1")


def once(chosen: dict[str, Chosen], call: CallsBeside, n: int) -> Decided:
    """Return what is decided in a cycle in which all of them are listed, the odd one with n in mind."""
    listed = [Listed(name, 100 if name != "profit_aware_v1" else 0) for name in chosen]
    return asked(inputs(strategies=listed, memories={"odd": f'{{"n":{n}}}'}), chosen, call)


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("raise LookupError('no idea')", "strategy odd raised LookupError: no idea (odd.py:12) when"),
        ("sys.exit(0)", "strategy odd raised SystemExit: 0 (odd.py:12)"),
        ("os._exit(3)", "strategy odd: its process ended at the cycle of 2027-01-15T08:00:00"),
        ("os.kill(os.getpid(), 9)", ": SIGKILL"),
        ("while True: pass", "strategy odd did not answer within 1 s at the cycle of 2027-01-15"),
        ("return {'BTCTRY': '0.5'}", "BTCTRY: '0.5' is a str; expected a number from 0 to 1"),
        ("return [Intent('BTCTRY', Side.BUY, 150.0)]", "150.0 is a float; expected a Decimal"),
        ("return [Intent('NONETRY', Side.BUY, 150)]", "'NONETRY' is none of its symbols"),
        ("return 7", "it answered 7; expected intents, targets, or a dict of weights by symbol"),
        ("memory['at'] = Decimal(1)", "memory['at']: Decimal('1') is a Decimal; expected a dict"),
        ("memory['at'] = 'x' * 20_000", "20015 bytes of JSON; expected at most 16384"),
        ("return [Intent('BTCTRY', Side.BUY, 150)] * 20_000", "bytes"),
    ],
)  # fmt: skip
def test_whatever_it_does_costs_its_own_answer_alone(
    tmp_path: Path, does: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    chosen, told = lists(tmp_path, does), list[tuple[str, Failure]]()
    if does not in BESIDE:
        del chosen["even"]
    with calls_beside([*chosen.values()], 60.0, told=lambda *one: told.append(one)) as call:
        call._processes["odd"].seconds = 60.0 if "within" not in said else 1.0
        found = once(chosen, call, 1)
        [failure] = found.inputs.failures
        assert (failure.strategy, failure.code) == ("odd", "strategy_failed")
        assert said in failure.text
        assert found.decisions.memories["odd"] == '{"n":1}'  # it stays as it was
        [(name, heard)] = told
        assert (name, heard.message, bool(heard.action)) == ("odd", failure.text, True)
        assert ("Traceback" in heard.traceback) == (" raised " in said or "float" in said)
        again = once(chosen, call, 5)
        assert (again.inputs.failures, again.decisions.memories["odd"]) == ((), '{"n":6}')
        for one in (found, again):
            assert ("submit", "ETHTRY", "BUY") in sent(one)
            assert one.decisions.memories.keys() == chosen.keys()
    heard_of = capfd.readouterr()
    assert (heard_of.out, "and so does what it writes" in heard_of.err) == ("", True)
    assert told == told[:1]


def test_those_of_meva_are_asked_here_and_what_they_fail_with_is_told_as_well(tmp_path: Path) -> None:
    fixed = load_listed("fixed_weights", {"shares": "NONETRY=0.5"})
    chosen, told = {"fixed_weights": fixed} | listed_in(tmp_path, "profit_aware_v1"), list[Any]()
    with calls_beside([*chosen.values()], 60.0, told=lambda *one: told.append(one)) as call:
        assert call._processes == {}
        [failure] = once(chosen, call, 1).inputs.failures
    [(name, heard)] = told
    assert (name, heard.message) == ("fixed_weights", failure.text)
    assert "raised ValueError: shares: NONETRY is not in this market; expected some of" in failure.text
    assert "Traceback" in heard.traceback


def test_one_that_was_not_listed_is_not_asked_here(tmp_path: Path) -> None:
    chosen = lists(tmp_path, "pass")
    with calls_beside([chosen["odd"]], 60.0) as call:
        found = once(chosen, call, 1)
    assert [failure.strategy for failure in found.inputs.failures] == ["even"]


def test_their_processes_begin_together_and_none_is_left(tmp_path: Path) -> None:
    chosen = lists(tmp_path, "pass")
    with calls_beside([*chosen.values()], 60.0) as call:
        running = [one._running for one in call._processes.values()]
        pids = [one.process.pid for one in running if one is not None]
        assert len(pids) == 2
        once(chosen, call, 1)
        assert [one._running for one in call._processes.values()] == running
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_one_whose_source_is_another_by_now_is_not_asked(tmp_path: Path) -> None:
    chosen = lists(tmp_path, "pass")
    lists(tmp_path, "return None")
    with calls_beside([*chosen.values()], 60.0) as call:
        [failure] = once(chosen, call, 1).inputs.failures
    assert "strategy odd is another one than when the run was begun: source_sha256" in failure.text


class Interrupted(BaseException):
    """A signal, as it comes while a strategy is waited for."""


def test_an_answer_that_comes_after_an_interruption_is_no_answer_to_the_next_question(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise Interrupted

    chosen = lists(tmp_path, "time.sleep(5)")
    with calls_beside([chosen["odd"], chosen["even"]], 60.0) as call:
        assert once(chosen, call, 5).inputs.failures == ()
        pipes = call._processes["odd"]._running.pipes  # type: ignore[union-attr]  # it was asked
        pipes.beat = interrupt
        with pytest.raises(Interrupted):
            once(chosen, call, 1)
        assert once(chosen, call, 7).decisions.memories["odd"] == '{"n":8}'
