"""What a Stage 7 run is: its settings, symbols, rules, data and times, and the name that follows from
them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import numpy as np
from attrs import field, frozen

from meva_core.amounts import format_e8, parse_e8
from meva_core.errors import BadInput
from meva_core.fingerprint import FIRST_FORM, form_of
from meva_core.ids import content_hash, run_id, told_time
from meva_core.params import STRATEGY, Params, own_tuned, params_from, with_lists, with_strategy
from meva_core.rules import FallbackRules, Rules, SymbolRules, fallback_rules, rules_columns, symbol_rules
from meva_core.settings import Settings, settings_document
from meva_core.stages.conditions import Beginning, Conditions
from meva_core.stages.run import Book
from meva_core.state import new_state, starting_cash

BACKTEST = "backtest"
MOST_CYCLES: Final = 20_000_000
"""Of one run: 38 years of minutes. Their times are held in memory."""
MOST_SEED: Final = 2**31
_YEAR: Final = 366 * 86_400


@frozen
class Pairs:
    """The symbols of a run, sorted, with their rules, and which of them may be selected or are watched."""

    symbols: tuple[str, ...]
    rules: tuple[SymbolRules, ...]
    candidates: frozenset[str]
    configured: frozenset[str]

    def columns(self) -> Rules:
        """Return the rules as the engine reads them."""
        return rules_columns(self.rules, candidates=self.candidates, configured=self.configured)

    def document(self) -> list[dict[str, Any]]:
        """Return the rules as a run records them."""
        return [
            {
                "symbol": rule.symbol,
                "status": rule.status.text,
                "reason": rule.reason,
                "candidate": rule.symbol in self.candidates and rule.tradable,
                "configured": rule.symbol in self.configured,
                "tick_size": _plain(rule.tick_size),
                "lot_size": _plain(rule.lot_size),
                "min_notional_try": _plain(rule.min_notional_try),
                "min_price": _plain(rule.min_price),
                "max_price": _plain(rule.max_price),
                "min_qty": _plain(rule.min_qty),
                "max_qty": _plain(rule.max_qty),
            }
            for rule in self.rules
        ]


def _plain(amount: Any) -> str | None:
    return None if amount is None else format_e8(parse_e8(amount))


def fallback_of(settings: Settings) -> FallbackRules:
    """Return the rules that the user configured for pairs without usable metadata."""
    stage7 = settings.stage7
    return FallbackRules(
        tick_size=stage7.rules_fallback_tick_size,
        lot_size=stage7.rules_fallback_lot_size,
        min_notional_try=stage7.rules_fallback_min_notional_try,
        require_metadata=stage7.rules_require_metadata,
    )


def choose_pairs(
    available: Sequence[str],
    metadata: Mapping[str, Mapping[str, Any]] | None,
    settings: Settings,
    configured: Sequence[str] | None,
    kept: Collection[str] = (),
) -> Pairs:
    """Return the pairs that a run over `available` symbols works with.

    `metadata` is the exchange's entry of each symbol, None if there is none at all; `configured` the symbols
    that the user named, None for all available. A candidate has the quote currency, is on the whitelist if
    there is one, and not on the blacklist. Those that a book has `kept` stay in any case, even if none may be
    bought. Raises BadInput if nothing is left.
    """
    s7, fallback = settings.stage7, fallback_of(settings)
    rules = {}
    for symbol in sorted(set(available)):
        if metadata is None:
            rules[symbol] = fallback_rules(symbol, fallback)
        else:
            rules[symbol] = symbol_rules(symbol, metadata.get(symbol), fallback)
    candidates = frozenset(
        symbol
        for symbol, rule in rules.items()
        if rule.quote == s7.universe_quote_ccy
        and (not s7.universe_whitelist or symbol in s7.universe_whitelist)
        and symbol not in s7.universe_blacklist
    )
    watched = frozenset(rules) if configured is None else frozenset(configured) & frozenset(rules)
    stay = candidates | watched | frozenset(kept)
    symbols = tuple(symbol for symbol in rules if symbol in stay)
    if not candidates:
        raise BadInput(
            f"none of the symbols {', '.join(rules) or '(none)'} may be selected: they must end in "
            f"{s7.universe_quote_ccy}, be on STAGE7_UNIVERSE_WHITELIST if it is set, and not on the blacklist"
        )
    return Pairs(symbols, tuple(rules[symbol] for symbol in symbols), candidates, watched)


@frozen(eq=False)
class RunTerms:
    """What a Stage 7 run is, whatever its times.

    `step_seconds` is None when times were given one by one. `source` names the data for people,
    `source_sha256` for the run's identity. `written` are lists of names, by variable, that an earlier version
    recorded the run with as they were written: its id and its digests are made of them, where others are made
    of the sorted lists (`as_recorded`). `begins` is what a run begins with that goes on from another one
    which the data tell of; None begins with the settings' cash. Raises BadInput for a seed out of range.
    """

    kind: str
    settings: Settings
    pairs: Pairs
    step_seconds: int | None
    source: str
    source_sha256: str
    manifest: Mapping[str, Any] | None = None
    seed: int = 0
    adapt: bool = False
    written: Mapping[str, Sequence[str]] = field(factory=dict)
    begins: Beginning | None = None
    strategy: Mapping[str, Any] | None = None
    """What the strategy is (`strategy.base.identity_of`), None for equal parts of the best."""
    params: Params = field(init=False)

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.seed <= MOST_SEED:
            raise BadInput(f"seed: {self.seed} is not a whole number from 0 to {MOST_SEED}")
        params = params_from(self.settings, seed=self.seed, adapt=self.adapt)
        params = with_strategy(with_lists(params, self.written), self.strategy)
        object.__setattr__(self, "params", params)

    def run_beginning(self, first: int) -> str:
        """Return the name of the run whose first cycle is at `first`, seconds."""
        return run_id(self.kind, self.identity(), self.source_sha256, first)

    def identity(self, form: bytes | None = None) -> dict[str, Any]:
        """Return what, beside data and start, makes this run another than any other.

        The form of its fingerprint, this version's own if none is given, is in it where it is not the first:
        such runs keep the ids they had. So is what it begins with, where that is no new book.
        """
        form = form_of(self.params) if form is None else form
        return {
            **({} if form == FIRST_FORM else {"form": form.hex()}),
            **({} if self.begins is None else {"genesis": self.begins.link.hex()}),
            "settings": settings_document(self.settings) | dict(self.written) | self._with_strategy(),
            "seed": self.seed,
            "step_seconds": self.step_seconds,
            "include_adaptation": self.adapt,
            "rules": self.pairs.document(),
        }

    def settings_record(self) -> dict[str, Any]:
        """Return the settings as the run's row keeps them: by variable, and the options of the run."""
        return {
            **settings_document(self.settings),
            **self.written,
            **self._with_strategy(),
            "seed": self.seed,
            "include_adaptation": self.adapt,
            "step_seconds": self.step_seconds,
        }

    def _with_strategy(self) -> dict[str, Any]:
        return {} if self.strategy is None else {STRATEGY: dict(self.strategy)}

    def settings_sha256(self) -> str:
        """Return the hash of that record."""
        return content_hash(self.settings_record())

    def starting_cash(self) -> int:
        """Return the cash that the book began with, e8."""
        if self.begins is not None:
            return starting_cash(self.begins.state(self.pairs.symbols))
        return parse_e8(self.settings.live.dry_run_try_balance, "DRY_RUN_TRY_BALANCE")

    def new_book(self) -> Book:
        """Return the book before the first cycle."""
        p, symbols = self.params, self.pairs.symbols
        if self.begins is not None:
            kept = self.begins.memory
            memory = None if kept is None else kept.if_of(self.strategy)
            return Book(symbols, p, self.begins.state(symbols), self.begins.link, memory=memory)
        return Book(symbols, p, new_state(len(symbols), self.starting_cash(), own_tuned(p), p.token_burst))


@frozen(eq=False)
class RunPlan(RunTerms):
    """A Stage 7 run whose times are known before it begins: int64 seconds, increasing.

    `conditions` are the rules and inputs that the data tell of; None holds the rules of `pairs` and no inputs
    in all cycles.
    """

    times: Any = field(kw_only=True)
    conditions: Conditions | None = field(kw_only=True, default=None, repr=False)
    run_id: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        if len(self.times) == 0:
            raise BadInput("the window holds no cycle", action="check --start and --end")
        super().__attrs_post_init__()
        if self.begins is not None and int(self.times[0]) <= self.begins.last_time:
            first, last = told_time(int(self.times[0])), told_time(self.begins.last_time)
            raise BadInput(
                f"the window begins at {first}, and the run goes on after the cycle at {last}",
                action="choose a later --start, or begin with a new book: --fresh",
            )
        object.__setattr__(self, "run_id", self.run_beginning(int(self.times[0])))

    def id_of_form(self, form: bytes) -> str:
        """Return the name of this run where its fingerprint is of another form."""
        return run_id(self.kind, self.identity(form), self.source_sha256, int(self.times[0]))

    def times_after(self, last: int | None) -> Any:
        """Return the times after `last`, seconds; all for None."""
        return self.times if last is None else self.times[np.searchsorted(self.times, last, side="right") :]


def cycle_times(start: int, end: int, step: int, cycles: int | None = None) -> Any:
    """Return the cycle times from `start` to `end`, both inclusive, every `step` seconds; at most `cycles` of
    them.

    Raises BadInput for a step below a second or above a year, a start before 1970, an end before the start,
    and more than MOST_CYCLES.
    """
    if not 1 <= step <= _YEAR:
        raise BadInput(f"step: {step} is not a number of seconds from 1 to {_YEAR}")
    if start < 0:
        raise BadInput("the window starts before 1970", action="check --start")
    if end < start:
        raise BadInput(
            f"the window ends, {told_time(end)}, before it starts, {told_time(start)}",
            action="check --start and --end",
        )
    count = (end - start) // step + 1
    count = count if cycles is None else min(count, cycles)
    if count > MOST_CYCLES:
        raise BadInput(
            f"the window holds {count} cycles of {step} s; a run has at most {MOST_CYCLES}",
            action="check --start, or choose a longer --step",
        )
    return start + step * np.arange(count, dtype=np.int64)
