"""Values that cancel each other: nothing is wrong with any of them, and together they leave nothing to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from meva_cli.checks.check import BACKTEST, STAGE3, STAGE4, STAGE7
from meva_cli.render import as_text
from meva_core.settings import Settings


class Void(NamedTuple):
    """What the values are about, what they come to together, and what to do."""

    name: str
    message: str
    action: str


def void(purpose: str, settings: Settings, interval: int) -> Iterator[Void]:
    """Yield what makes what void for what is to be run, a cycle each `interval` seconds."""
    for found in _PAIRS[purpose]:
        yield from found(settings)
    if purpose != BACKTEST:
        yield from _lifetime(purpose, settings, interval)
    if purpose == STAGE7:
        yield from _cooldown(settings, interval)


def _turnover(settings: Settings) -> Iterator[Void]:
    cap, least = settings.live.notional_cap_try_per_cycle, settings.live.min_order_notional_try
    if cap == 0:
        yield Void("turnover", "NOTIONAL_CAP_TRY_PER_CYCLE is 0: no new order is placed", "raise it")
    elif least > cap:
        yield Void(
            "turnover",
            f"MIN_ORDER_NOTIONAL_TRY={as_text(least)} is above NOTIONAL_CAP_TRY_PER_CYCLE={as_text(cap)}: "
            "no order fits into a cycle",
            _LOWER_OR_RAISE,
        )


def _position(settings: Settings) -> Iterator[Void]:
    most = settings.live.max_position_notional_try
    yield from _smallest_above(settings, "position", "MAX_POSITION_NOTIONAL_TRY", most)


def _position_a_symbol(settings: Settings) -> Iterator[Void]:
    most = settings.live.max_position_try_per_symbol
    yield from _smallest_above(settings, "position", "MAX_POSITION_TRY_PER_SYMBOL", most)


def _order(settings: Settings) -> Iterator[Void]:
    most = settings.risk.max_order_notional_try
    yield from _smallest_above(settings, "order", "RISK_MAX_ORDER_NOTIONAL_TRY", most)


def _smallest_above(settings: Settings, name: str, limit: str, most: Decimal) -> Iterator[Void]:
    """Yield that the smallest order is above a limit of what is bought."""
    least = settings.live.min_order_notional_try
    if least > most:
        yield Void(
            name,
            f"MIN_ORDER_NOTIONAL_TRY={as_text(least)} is above {limit}={as_text(most)}: "
            "nothing is ever bought",
            _LOWER_OR_RAISE,
        )


def _open_orders(settings: Settings) -> Iterator[Void]:
    if settings.live.max_open_orders == 0:
        yield Void("orders", "MAX_OPEN_ORDERS is 0: no new order is placed", "raise it")


def _cash(settings: Settings) -> Iterator[Void]:
    live = settings.live
    yield from _invested(settings, "TRY_CASH_TARGET", live.try_cash_target)
    if live.try_cash_target > live.try_cash_max:
        yield Void(
            "cash",
            f"TRY_CASH_TARGET={as_text(live.try_cash_target)} is above "
            f"TRY_CASH_MAX={as_text(live.try_cash_max)}, which is what counts",
            "lower TRY_CASH_TARGET or raise TRY_CASH_MAX",
        )


def _kept(settings: Settings) -> Iterator[Void]:
    """Yield that all simulated money is to stay cash, which both stages see to."""
    kept = settings.risk.min_cash_try
    if kept is not None:
        yield from _invested(settings, "RISK_MIN_CASH_TRY", kept)


def _invested(settings: Settings, name: str, target: Decimal) -> Iterator[Void]:
    """Yield that simulated money does not reach beyond the cash that is to stay."""
    cash = settings.live.dry_run_try_balance
    if settings.gates.dry_run and target >= cash:
        yield Void(
            "cash",
            f"{name}={as_text(target)} is not below DRY_RUN_TRY_BALANCE={as_text(cash)}: a new book has "
            "nothing to invest",
            _LOWER_OR_RAISE,
        )


def _universe(settings: Settings) -> Iterator[Void]:
    stage7 = settings.stage7
    named, quote = stage7.universe_whitelist, stage7.universe_quote_ccy
    if named and stage7.universe_size > len(named):
        yield Void(
            "universe",
            f"STAGE7_UNIVERSE_SIZE={stage7.universe_size} is above the {len(named)} pairs of "
            "STAGE7_UNIVERSE_WHITELIST: all of them may be selected",
            f"set it to {len(named)}, or name more pairs",
        )
    yield from _barred(
        "STAGE7_UNIVERSE_WHITELIST", named, "STAGE7_UNIVERSE_BLACKLIST", stage7.universe_blacklist
    )
    if others := sorted(symbol for symbol in named if not symbol.endswith(quote)):
        yield Void(
            "universe",
            f"{', '.join(others)}: on STAGE7_UNIVERSE_WHITELIST, and not quoted in "
            f"STAGE7_UNIVERSE_QUOTE_CCY={quote}, so no candidate",
            "take it off, or choose its quote currency",
        )


def _live_universe(settings: Settings) -> Iterator[Void]:
    universe = settings.universe
    if not settings.exchange.symbols:
        yield Void("universe", "SYMBOLS is empty: no pair is traded", "name some")
    if universe.max_size == 0:
        yield Void("universe", "UNIVERSE_MAX_SIZE is 0: no pair is traded", "raise it")
    yield from _barred(
        "UNIVERSE_ALLOW_SYMBOLS", universe.allow_symbols, "UNIVERSE_DENY_SYMBOLS", universe.deny_symbols
    )
    if universe.require_try_quote and universe.quote_currency != "TRY":
        yield Void(
            "universe",
            f"UNIVERSE_QUOTE_CURRENCY={universe.quote_currency}, and UNIVERSE_REQUIRE_TRY_QUOTE is true: no "
            "pair is traded",
            "set one of them right",
        )


def _barred(allow: str, allowed: Sequence[str], deny: str, denied: Sequence[str]) -> Iterator[Void]:
    if barred := sorted({*allowed} & {*denied}):
        yield Void(
            "universe",
            f"{', '.join(barred)}: on {allow} and on {deny}, so no candidate",
            "take it off one of them",
        )


def _rejects(settings: Settings) -> Iterator[Void]:
    if settings.stage7.sim_reject_prob_bps == 10_000:
        yield Void(
            "rejects", "STAGE7_SIM_REJECT_PROB_BPS is 10000: every simulated order is rejected", "lower it"
        )


def _warnings(settings: Settings) -> Iterator[Void]:
    window, threshold = settings.degrade.warn_window_cycles, settings.degrade.warn_threshold
    if threshold > window:
        yield Void(
            "warnings",
            f"DEGRADE_WARN_THRESHOLD={threshold} is above DEGRADE_WARN_WINDOW_CYCLES={window}: warnings "
            "never restrict trading",
            _LOWER_OR_RAISE,
        )


def _lifetime(purpose: str, settings: Settings, interval: int) -> Iterator[Void]:
    # Orders of Stages 3 and 4 rest between cycles and fill there; those of Stage 7 meet cycles alone.
    comes_to = "an order ends before the next cycle can fill it"
    if purpose != STAGE7:
        comes_to = "what has not filled by the next cycle is canceled in it"
    if (ttl := settings.live.ttl_seconds) < interval:
        yield Void(
            "interval",
            f"TTL_SECONDS={ttl} is below the interval of {interval} s: {comes_to}",
            f"set TTL_SECONDS to {2 * interval} or more, or run more often",
        )


def _cooldown(settings: Settings, interval: int) -> Iterator[Void]:
    if 0 < (cooldown := settings.stage7.risk_cooldown_sec) < interval:
        yield Void(
            "interval",
            f"STAGE7_RISK_COOLDOWN_SEC={cooldown} is below the interval of {interval} s: a cooldown is over "
            "before the next cycle",
            "raise it, or run more often",
        )


_LOWER_OR_RAISE: Final = "lower the one or raise the other"
_STAGE7: Final = (_turnover, _position, _cash, _universe, _rejects)
_PAIRS: Final[Mapping[str, Sequence[Callable[[Settings], Iterator[Void]]]]] = {
    STAGE7: _STAGE7,
    BACKTEST: _STAGE7,
    STAGE3: (_turnover, _position_a_symbol, _kept, _live_universe, _warnings),
    STAGE4: (
        _turnover,
        _position,
        _position_a_symbol,
        _order,
        _open_orders,
        _cash,
        _kept,
        _live_universe,
        _warnings,
    ),
}
