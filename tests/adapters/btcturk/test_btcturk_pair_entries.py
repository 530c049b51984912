"""What the exchange says of a pair beside its steps and bounds, and what is not traded for it."""

from __future__ import annotations

from typing import Any

import pytest
from exchange_answers import EXCHANGE_INFO, PAIR
from scripted_exchange import FALLBACK, PAYLOADS, Server, data

from meva_adapters.btcturk import Client, PublicData
from meva_core.rules import FallbackRules, RuleStatus, SymbolRules, symbol_rules

FINE = {"denominatorScale": 2, "filters": [{**PAIR["filters"][0], "tickSize": "0.01"}]}
"""A pair whose prices have two places, unless it says that they are whole."""


def rules(server: Server, market: PublicData, **change: Any) -> tuple[SymbolRules, SymbolRules]:
    """The rules of a pair, as orders go by them, and as whoever reads the metadata makes them."""
    entry = {name: value for name, value in {**PAIR, **change}.items() if value != "absent"}
    server.on("GET /api/v2/server/exchangeinfo", data({**EXCHANGE_INFO, "symbols": [entry]}))
    (own,) = market.rules(["BTCTRY"])
    return own, symbol_rules("BTCTRY", market.metadata().pairs["BTCTRY"], FALLBACK)


@pytest.mark.parametrize(
    ("fraction", "tick"),
    [(False, "1"), ("false", "1"), ("False", "1"), (True, "0.01"), ("true", "0.01"), (None, "0.01")],
)
def test_prices_are_whole_where_a_pair_says_so_in_a_word(
    server: Server, market: PublicData, fraction: Any, tick: str
) -> None:
    for found in rules(server, market, **FINE, hasFraction=fraction):
        assert (found.status, str(found.tick_size)) == (RuleStatus.OK, tick)


@pytest.mark.parametrize("name", ["status", "orderMethods"])
@pytest.mark.parametrize("value", [None, "absent", "", "trading", "BREAK"])
def test_a_pair_that_does_not_say_that_it_trades_does_not(
    server: Server, market: PublicData, name: str, value: Any
) -> None:
    for found in rules(server, market, **{name: value}):
        assert (found.status, found.tradable) == (RuleStatus.OK, False)


@pytest.mark.parametrize("fallback", [FALLBACK, FallbackRules(require_metadata=False)])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"commissionFromNumerator": True}, "commissionFromNumerator: 'True'; expected false"),
        ({"commissionFromNumerator": "true"}, "commissionFromNumerator: 'true'"),
        ({"CommissionFromNumerator": 1}, "commissionFromNumerator: '1'"),
        ({"hasFraction": "perhaps"}, "hasFraction: 'perhaps' is neither true nor false"),
        ({"hasFraction": 0}, "hasFraction: '0'"),
    ],
)
def test_a_pair_of_which_fees_or_prices_are_not_known_has_no_rules(
    server: Server, client: Client, fallback: FallbackRules, change: dict[str, Any], said: str
) -> None:
    """A fee in coins would be booked as money; rules of one's own tell neither."""
    own, read = rules(server, PublicData(client, fallback, PAYLOADS), **change)
    assert (own.status, own.usable, own.tradable, own.tick_size) == (RuleStatus.INVALID, False, False, None)
    assert own.reason.startswith(said)
    assert not read.tradable


@pytest.mark.parametrize("told", [False, "false", None, "absent"])
def test_a_fee_in_money_is_what_is_traded(server: Server, market: PublicData, told: Any) -> None:
    for found in rules(server, market, commissionFromNumerator=told):
        assert (found.status, found.tradable) == (RuleStatus.OK, True)
