"""Golden fingerprints: runs that decide today what they decided when the first form was fixed.

Together they give every reason there is. `test_oracle.py` has what the oracle says to them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np
import pytest
from golden_worlds import KINDS, world_of
from oracle.engine_view import engine_of, inputs_of, market_of, rules_of

from meva_core.cycle import Out
from meva_core.engine import Decide, Halfway
from meva_core.fingerprint import FIRST_FORM, NO_LINK, Digester, form_of
from meva_core.loop import Loop, interpreted
from meva_core.reasons import CODES, Code, fired_codes

GOLDEN: Final[Mapping[str, tuple[str, str]]] = {
    "ordinary": (
        "66ea8a522f5372f2620c5e8ed8faa2560b36572ff5fedf33d770c00cd601b2ee",
        "c71256d6693f2f73ac105047c823fd2e84a390f6298d8f1e71c7150845514b1c",
    ),
    "falling": (
        "fab9170e0945b40fd31db6ce45064351968cad7cafffa24a375f0b944e8951ac",
        "4affdf62ab3099e8526e41f2881c4593f8f9ed36c6b6068f3f1ec1a58af53095",
    ),
    "losing": (
        "f0f3a866468d8f8475fd4ed1823e45e16397d073fd2ce5aff5ab1d1803a09eac",
        "266c4c8abd0646e4f33a88962bf1b373e490d24ed3f21fac5cc35a072f17e8e0",
    ),
    "stale": (
        "41c260ca255dc7d00006466306e8cc2a1244ffb4190754e3d599de01e943a4f3",
        "ff0f1ec5ecf78ab894af9fe18209214b6d2998599b545a73be042d4d4f552e7d",
    ),
    "thin": (
        "fa04b1252227caa5144bcb034ea4560be19911e7066ec577a42b1733e6380f53",
        "0e48e0c3bf83d96000a869f16183f9a49c9ab1dc99140dced6dbe6a58f2ffe03",
    ),
    "faults": (
        "93ef976b92f67b5174ae909918b687b5177e1e38b4236055c9db8416e533d5fc",
        "766a43c284dd2bc1157c8db388f53e86ad8b96f7012703880e8e8c809bed3eb8",
    ),
    "throttled": (
        "42451df5a63db3ac14344792f0c07aa04dbdfd7ec9df40d5241c25f7f6c7ed6f",
        "266c4c8abd0646e4f33a88962bf1b373e490d24ed3f21fac5cc35a072f17e8e0",
    ),
    "odd rules": (
        "d59e53ff5acfb796ebf28f6c013a887acd003c350c63155a1d74c8a909b70d87",
        "8c708bf91f2e12198fb8e5f49e665232a46377684b58a6aa65a7793266700864",
    ),
    "observed": (
        "272a5e0c7596c99847b0d27bb0f28d26089d46acc5f2a2e39a3e66610d96e583",
        "19463d19881d8786028be2b8a1e4019a7e6ae88361497f65c12383320c4a1a5b",
    ),
    "instant": (
        "95ec2d7d3ed8d7060ce2e5e0342dd02aaa0ad8e83464b1bff0cfe280a7d6606d",
        "266c4c8abd0646e4f33a88962bf1b373e490d24ed3f21fac5cc35a072f17e8e0",
    ),
    "adapting": (
        "8359df0bad8daafd012de2118732f8ae61c70eacdb47ee5e76480286c02fb216",
        "87f7e9aa71966efe29e3792a493a00b644130cc1d06aef112776d4b0ad1d331b",
    ),
    "small": (
        "346930a9d2e790dce6d0945fd27b3f4c14ed74eda89fee75905d4045a3a335fe",
        "d99de78e26ba21962e2dd992b95341d538b8cab33bf8bda8b91f6f30df9e8c8c",
    ),
    "tiny prices": (
        "31cfbe46433306045407d82e47c6a249cf4691858aff2bd4ac75c25735a240c0",
        "9de3306d7984f43f28509b5e861a6ec79c14cacb82780ad507a84d67186c022f",
    ),
    "huge": (
        "fc7e36908d7f0b61a1a79560349ecab9053fb76fce527665d1ca6d60107e6ca8",
        "fe48b99c6680d6b7942d8ee253f39ab276c86600faf363ac0729139c5786c5ba",
    ),
}
"""By run: its fingerprint, and the SHA-256 over the digests of adapt, which stand beside the chain."""
NEVER: Final = {
    Code.INSUFFICIENT_POSITION: "shape takes no more than is free, and build only makes sure of it",
    Code.RUN_CHANGED: "only a run that goes on with the book of another one has it (stages/test_books.py)",
    Code.WITHIN_BAND: "only a run with a rebalance band has it, which came later (test_cycles.py)",
    Code.NO_OPINION: "only a run with a strategy has it, which came later (test_wishes.py)",
    Code.STRATEGY_FAILED: "only a run with a strategy has it, which came later (test_wishes.py)",
}
MESSAGE: Final = (
    "this run decides or digests otherwise than before. A change that decides otherwise changes a tag: "
    "either it belongs to a parameter in READS_IF_SET, which these runs leave neutral, and then nothing here "
    "differs; or it raises FORMAT, and these values, FIRST_FORM and docs/reference/fingerprint.md are "
    "renewed with it"
)


class Ran(NamedTuple):
    """What a run gave: fingerprint, the hash over adapt's digests, its form, and the codes that it met."""

    fingerprint: str
    adapt: str
    form: bytes
    codes: frozenset[Code]


def run(name: str, loop: Loop = interpreted, decide: Decide | None = None) -> Ran:
    """Run a world; with `decide` every cycle in two halves."""
    world = world_of(name, KINDS[name])
    engine, market, rules = engine_of(world, loop), market_of(world), rules_of(world)
    link, adapt, codes = NO_LINK, hashlib.sha256(), set[Code]()
    for start, stop, out in engine.advance(market, inputs_of(world), rules, decide):
        digester = Digester(world.symbols, engine.params, link)
        for found in digester.digest(market, rules, out, start, stop):
            adapt.update(found.adapt)
        link = digester.link
        codes.update(codes_of(out, slice(start, stop)))
    return Ran(link.hex(), adapt.hexdigest(), form_of(engine.params), frozenset(codes))


def codes_of(out: Out, part: slice) -> Iterator[Code]:
    """Yield the codes in the columns of a stretch."""
    intents, events, _ = out.journal.used.tolist()
    columns = (
        out.select.code[part],
        out.plan.code[part],
        out.plan.cycle_code[part],
        out.journal.intents.code[:intents],
        out.journal.events.code[:events],
    )
    for column in columns:
        yield from (CODES[number] for number in np.unique(column).tolist())
    for fired in np.unique(out.assess.fired[part]).tolist():
        yield from fired_codes(fired)
    modes = {
        Code.BASE_MODE: out.plan.base_mode,
        Code.DEGRADE_OVERRIDE: out.plan.override_mode,
        Code.OBSERVE_ONLY_CYCLE: out.plan.rules_mode,
    }
    yield from (code for code, column in modes.items() if column[part].any())


@pytest.fixture(scope="module")
def ran() -> Mapping[str, Ran]:
    return {name: run(name) for name in KINDS}


@pytest.mark.parametrize("name", KINDS)
def test_a_run_decides_what_it_always_decided(ran: Mapping[str, Ran], name: str) -> None:
    assert ran[name].form == FIRST_FORM, MESSAGE
    assert ran[name][:2] == GOLDEN[name], MESSAGE


def test_every_reason_is_among_them(ran: Mapping[str, Ran]) -> None:
    met = {code for found in ran.values() for code in found.codes}
    assert set(Code) - met == NEVER.keys()


@pytest.mark.parametrize("name", KINDS)
def test_half_by_half_it_decides_the_same(name: str) -> None:
    asked: list[int] = []

    def decide(at: Halfway) -> None:
        asked.append(at.c)

    assert run(name, decide=decide)[:2] == GOLDEN[name]
    assert asked == list(range(len(world_of(name, KINDS[name]).cycles)))


@pytest.mark.xdist_group("compiled")
def test_so_it_does_compiled_whole_and_half_by_half(machine_code: Loop) -> None:
    def decide(at: Halfway) -> None:
        pass

    for name, golden in GOLDEN.items():
        assert run(name, machine_code)[:2] == golden, name
        assert run(name, machine_code, decide)[:2] == golden, name
