"""How a world ends: nothing goes wrong any more, everything comes to rest, and then all must agree.

I1   no order is there twice   I13, I28  the chain holds, and every cycle is decided again as it was
I3   no fill is lost           I17       nothing is left unknown, and no mode that its rule does not give
I4   each is in one row        I11, I16  nothing more comes of what is over, and none of it is kept in mind
I5   money agrees              I30       and all that after whatever ended the processes before
I6   coins agree
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from meva_adapters.rehearsal.faults import Fault
from meva_adapters.rehearsal.process_there import Trader
from meva_adapters.rehearsal.remaining import check_idle, check_kept, is_explained, stood
from meva_adapters.rehearsal.restricted import check_causes, check_mode
from meva_adapters.rehearsal.running import Rehearsal
from meva_adapters.rehearsal.truth import QUOTE
from meva_adapters.rehearsal.violations import Violated
from meva_adapters.rehearsal.worlds import World
from meva_adapters.sql import reader
from meva_adapters.text_codec import ZstdTexts
from meva_core.live.standing import MAY_REST, Standing
from meva_core.live_book.ledger import Ledger
from meva_core.operating.records.stored_cycles import difference, stored_cycles

_TAIL: Final = 40
QUIET_CYCLES: Final = 10
QUIET_SECONDS: Final = 400
"""Between two cycles of the end at least: fills are shown so late."""
_RESTS: Final = frozenset(map(str, MAY_REST))
_TOLD: Final = frozenset(map(str, set(Standing) - {Standing.SENDING, Standing.UNKNOWN}))
"""What an order of which it is known what became of it stands as; what else the earlier system says is asked
for."""
_MORE_LOOKS: Final = 4


@frozen(kw_only=True)
class Ended:
    """What a world came to. `broken` is what did not hold, empty for nothing, and `at` the step of it;
    `digest` names the whole of it, `tail` is what happened last."""

    seed: int
    steps: int
    broken: str
    at: int
    faults: Mapping[str, int]
    seen: Mapping[str, int]
    digest: str
    tail: tuple[str, ...] = ()


def run_world(
    world: World,
    steps: int,
    template: Path,
    folder: Path,
    trader: Trader,
    watch: Callable[[Rehearsal], None] = lambda _: None,
) -> Ended:
    """Run a world of so many cycles in an empty folder, which it empties again, and end it quietly."""
    of = Rehearsal(world, template, folder, trader)
    watch(of)
    at, broken = 0, ""
    try:
        while at < steps:
            at += 1
            of.step()
        check_rest(of)
        check_end(of)
    except Violated as violated:
        broken = str(violated)
    finally:
        of.machine.end(of.machine.process)
        of.audit.file.close()
        for left in folder.iterdir():
            left.unlink()
    of.seen["starts"] = of.machine.starts
    of.seen["submits"] = of.machine.sent.submits
    of.seen["own_fills"] = sum(fill.is_ours for fill in of.truth.fills)
    counts = {str(kind): count for kind, count in of.faults.counts.items()}
    return Ended(
        seed=world.seed, steps=steps, broken=broken, at=at, faults=counts, seen=dict(of.seen),
        digest=of.digest.hexdigest(), tail=tuple(of.log[-_TAIL:]),
    )  # fmt: skip


def check_rest(of: Rehearsal) -> None:
    """End all faults, and let as many cycles run as it may take; then nothing is unknown any more."""
    of.faults.on = False
    of.person.every = 0
    of.down = 0
    of.time.off = 0
    for pair in of.truth.pairs.values():
        pair.listed = pair.has_rules = True
    of.operator.arm()
    for _ in range(QUIET_CYCLES):
        of.passes(max(of.world.interval, QUIET_SECONDS))
        of.operator.see_to_alarms()
        of.cycle()
    check_causes(of)
    check_mode(of)
    left = [row["client_order_id"] for row in of.audit.file.orders() if row["status"] not in _TOLD]
    if left:
        raise Violated("I17", f"after {QUIET_CYCLES} quiet cycles nobody knows what became of {left}")
    standings = {row["exchange_order_id"]: row["status"] for row in of.audit.file.orders()}
    for order in filter(of.truth.is_ours, of.truth.open()):
        word = standings.get(str(order.number), "not in the file")
        if word not in _RESTS:
            raise Violated("I17", f"order {order.number}, {order.name}, rests, and is {word} by the file")


def check_end(of: Rehearsal) -> None:
    """Let all orders end, and compare everything with what is true."""
    of.machine.restart()
    of.machine.observes = True
    for order in of.truth.open():
        of.truth.cancels(order)
    for place in range(QUIET_CYCLES + _MORE_LOOKS):
        # A fill may have waited for a day, until now, and what is booked from a balance takes three looks.
        if place >= QUIET_CYCLES and not any(look.gap for look in of.audit.book().looks.values()):
            break
        of.passes(max(of.world.interval, QUIET_SECONDS))
        of.operator.see_to_alarms()
        before = stood(of) if place == QUIET_CYCLES - 1 and is_explained(of) else None
        of.cycle()
        if before is not None:
            check_idle(of, before)
    resting = [row["client_order_id"] for row in of.audit.file.orders() if row["status"] in _RESTS]
    if resting:
        raise Violated("I17", f"nothing rests at the exchange, and by the file {resting[:5]} do")
    check_mode(of)
    _check_fills(of)
    _check_books(of)
    _check_whose(of)
    _check_causes(of)
    _check_twice(of)
    _check_decided(of)
    check_kept(of)


def _check_books(of: Rehearsal) -> None:
    ledger, truth = of.audit.book().ledger, of.truth
    money = truth.there[QUOTE] // 10**10
    if ledger.cash != money:
        raise Violated(
            "I5", f"the book has {ledger.cash} e8 TRY, the exchange {money}: {ledger.cash - money:+}"
        )
    for name, pair in sorted(truth.pairs.items()):
        there = truth.there.get(pair.asset, 0) // 100
        held, others = ledger.holding(name).qty, ledger.foreign.get(pair.asset, 0)
        if not _is_known(ledger, pair.asset):
            continue
        if held + others != there:
            raise Violated(
                "I6", f"the book has {held} e8 {pair.asset} and {others} of others, the exchange {there}"
            )


def _check_whose(of: Rehearsal) -> None:
    """Where no person did anything beside it, what the book holds as its own is what its fills came to,
    within a unit for each: no coin of the book is counted among a person's, and no other in the book."""
    by_person = (
        Fault.BY_HAND, Fault.RESTS_BY_HAND, Fault.STRAY, Fault.FLOW_LISTED, Fault.FLOW_LISTED_LATE,
        Fault.FLOW_UNLISTED,
    )  # fmt: skip
    if of.seen["accepted_K1"] or any(of.faults.counts[one] for one in by_person):
        return
    ledger, spare = of.audit.book().ledger, len(of.truth.fills) + QUIET_CYCLES
    for name in sorted(of.truth.pairs):
        held, ours = ledger.holding(name).qty, of.truth.position(name) // 100
        if abs(held - ours) > spare:
            raise Violated("I6", f"the book holds {held} e8 of {name}, and its fills came to {ours}")


def _is_known(ledger: Ledger, asset: str) -> bool:
    """Whether the book holds, has held, or knows others' coins of an asset: of no other does it look at the
    balance."""
    return f"{asset}{QUOTE}" in ledger.holdings or asset in ledger.foreign


def _check_causes(of: Rehearsal) -> None:
    """What own trades moved, and what all else did, each by itself: no flow hides a trade, none is there
    twice. Money within a cent a fill, which the exchange may round by, coins within a unit."""
    truth, fills, ledger = of.truth, len(of.truth.fills) + QUIET_CYCLES, of.audit.book().ledger
    if of.seen["accepted_K1"]:
        return  # its excess counts as a foreign sell
    for ours in (True, False):
        for asset in sorted({QUOTE, *(pair.asset for pair in truth.pairs.values())}):
            if asset != QUOTE and not _is_known(ledger, asset):
                continue
            whole, spare = (10**10, 10**6 * fills) if asset == QUOTE else (100, fills)
            there, booked = truth.moved[ours, asset] // whole, of.audit.moved[ours, asset]
            if abs(there - booked) > spare:
                whose = "own fills" if ours else "all else"
                raise Violated("I5", f"{whose} moved {there} e8 {asset}, and {booked} by the rows")


def _check_fills(of: Rehearsal) -> None:
    """Every own fill is in one FILL row, and no row is of anything else."""
    there = {str(fill.number) for fill in of.truth.fills if fill.is_ours}
    booked = {name.split(":")[0] for name in of.audit.fills}
    if lost := sorted(there - booked):
        raise Violated("I3", f"own fills {lost[:5]} ({len(lost)}) are not in the file")
    if more := sorted(booked - there):
        raise Violated("I3", f"fills {more[:5]} ({len(more)}) are booked as ours, and are none")
    count = sum(fill.is_ours for fill in of.truth.fills)
    if len(of.audit.fills) != count:
        raise Violated("I4", f"{count} own fills have {len(of.audit.fills)} FILL rows")


def _check_twice(of: Rehearsal) -> None:
    """No name has more orders than the exchange made of it by itself."""
    names = Counter(order.name for order in of.truth.ours())
    more = sum(count - 1 for count in names.values())
    made = of.faults.counts[Fault.TWICE]
    if more > made:
        double = [name for name, count in names.items() if count > 1]
        raise Violated("I1", f"{double} are at the exchange more than once; it took {made} orders twice")


def _check_decided(of: Rehearsal) -> None:
    """Each cycle is done, or was interrupted; decided again, it comes to the same."""
    rows = of.audit.file.all("SELECT cycle_id FROM live_cycles WHERE book = 'live' AND status = 'decided'")
    newest = of.audit.file.newest_cycle()[0]
    if left := [row["cycle_id"] for row in rows if row["cycle_id"] != newest]:
        raise Violated("I12", f"cycles {left} stand as decided, and later ones ran")
    with reader(of.machine.path) as store, store.read() as view:
        for cycle in stored_cycles(view, "live", ZstdTexts(), last=10**6):
            found = difference(cycle, of.trader.strategies)
            if found is not None:
                raise Violated(
                    "I28", f"cycle {cycle.cycle}: {found.step}, {found.field}: {found.stored} / {found.again}"
                )
