"""Switches: what is uncertain about the real exchange, and what a test may want otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import attrs
from attrs import define

from meva_adapters.emulator.bounds import MOST_COUNT, MOST_MS, brief, check_range
from meva_core.errors import BadInput


@define
class Policy:
    """How the emulator behaves; every switch can be changed while it runs.

    * signatures: private calls are checked; strict_nonce: a stamp has to be above the key's last
    * limits: request budgets are kept; unauthorized_block: 401 in a row that block an address, 0 for never
    * cancel_ms: how long an accepted cancel takes
    * market_buy_fee_on_top: a market buy pays its commission beside the money to spend
    * clock_skew_ms: how far the exchange's clock is ahead; what happens while it is so is stamped by it
    * orders_delay_ms, fills_delay_ms, balances_delay_ms: how late reads show what has happened
    * fill_decimals: the most decimals of a fill's `amount`, which is rounded; its `preciseAmount` never is
    * comma_decimals: balances are written with a comma
    * stops_as_named: a refusal names what a stop has to be, as the documentation explains such names: a buy's
      above the best ask (1124), a sell's below the best bid (1125). False takes them for what is wrong: a
      sell's above the best ask (1124), a buy's below the best bid (1125)
    * user_events: logins get 451, 441 and 452; false is the silence of long sessions, in which 423 goes on
    """

    signatures: bool = True
    strict_nonce: bool = False
    limits: bool = True
    unauthorized_block: int = 50
    cancel_ms: int = 20
    market_buy_fee_on_top: bool = True
    clock_skew_ms: int = 0
    orders_delay_ms: int = 0
    fills_delay_ms: int = 0
    balances_delay_ms: int = 0
    fill_decimals: int = 8
    comma_decimals: bool = False
    stops_as_named: bool = False
    user_events: bool = True

    def change(self, switches: Mapping[str, Any]) -> None:
        """Set switches by name, all or none; raises BadInput for a name or a value that does not fit."""
        known: dict[str, type] = {field.name: type(field.default) for field in attrs.fields(Policy)}
        for name, value in switches.items():
            kind = known.get(name)
            if kind is None:
                near = get_close_matches(name[:100], known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise BadInput(
                    f"policy: {brief(name)} is no switch{hint}", action=f"name one of {', '.join(known)}"
                )
            if type(value) is not kind:
                raise BadInput(f"policy: {name} is {brief(value)}; expected a {kind.__name__}")
            if isinstance(value, int) and kind is int:
                _check_number(name, value)
        for name, value in switches.items():
            setattr(self, name, value)


def _check_number(name: str, value: int) -> None:
    if value < 0 and name != "clock_skew_ms":
        raise BadInput(f"policy: {name} is {brief(value)}; it cannot be negative")
    most = MOST_MS if name.endswith("_ms") else MOST_COUNT
    check_range(value, f"policy: {name}", -most, most)
