"""Any bytes are an answer or bad input: cut, damaged, renamed, retyped, or made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from attrs import define
from exchange_answers import (
    BALANCE,
    BOOK,
    EXCHANGE_INFO,
    FILL,
    KLINES,
    ORDER,
    SUBMITTED,
    TICKER,
    TRADE,
)
from hypothesis import given
from hypothesis import strategies as st
from nightly import NIGHTLY
from scripted_exchange import FALLBACK, Answer, Server, data, doc

from meva_adapters.btcturk import Client, Manners, Payloads, PrivateData, PublicData, Signer
from meva_adapters.btcturk.endpoints import SUBMIT
from meva_adapters.btcturk.endpoints import TICKER as TICKER_CALL
from meva_adapters.btcturk.transport import Reply
from meva_adapters.btcturk.verdicts import read_verdict, write_verdict
from meva_adapters.btcturk.wire import as_decimal, plain, read_json
from meva_adapters.system.clock import SystemClock
from meva_core.errors import BadInput, OutcomeUnknown, Refused, Unavailable
from meva_core.orders import Side
from meva_core.settings import Secret
from meva_core.venue import NewOrder
from tests.permits import Gate

ORDER_ID = str(FILL["orderId"])
NEW = NewOrder("bot-7f3a-1", "BTCTRY", Side.BUY, Decimal(2124576), Decimal("0.0005"))


class Everything:
    """Both halves of the exchange over one client, and each call with the path that answers it."""

    def __init__(self, client: Any) -> None:
        self.payloads = Payloads()
        self.market = PublicData(client, FALLBACK, self.payloads)
        self.account = PrivateData(client, Gate(), self.payloads)

    def calls(self) -> dict[str, tuple[str, Callable[[], Any], Any]]:
        market, account = self.market, self.account
        return {
            "tickers": ("GET /api/v2/ticker", market.tickers, [TICKER]),
            "ticker": ("GET /api/v2/ticker", lambda: market.ticker("BTCTRY"), [TICKER]),
            "book": ("GET /api/v2/orderbook", lambda: market.book("BTCTRY"), BOOK),
            "trades": ("GET /api/v2/trades", lambda: market.trades("BTCTRY"), [TRADE]),
            "metadata": ("GET /api/v2/server/exchangeinfo", market.metadata, EXCHANGE_INFO),
            "balances": ("GET /api/v1/users/balances", account.balances, [BALANCE]),
            "open": ("GET /api/v1/openOrders", account.open_orders, {"asks": [], "bids": [ORDER]}),
            "order": (f"GET /api/v1/order/{ORDER['id']}", lambda: account.order(str(ORDER["id"])), ORDER),
            "fills": ("GET /api/v1/users/transactions/trade", lambda: account.order_fills(ORDER_ID), [FILL]),
        }


CALLS = list(Everything(None).calls())


@pytest.fixture
def everything(server: Server) -> Iterator[Everything]:
    key = Signer(Secret("k"), Secret("c2VjcmV0"))
    manners = Manners(patience=1e12, sleep=lambda _: None, monotonic=_far_apart())
    client = Client(server.url, server.url, SystemClock(), signer=key, manners=manners)
    yield Everything(client)
    client.close()


def _far_apart() -> Callable[[], float]:
    """A clock on which no two calls are near enough for a budget or for an age to matter."""
    now = [0.0]

    def read() -> float:
        now[0] += 0.5
        return now[0]

    return read


def envelope(tree: Any) -> bytes:
    return json.dumps({"data": tree, "success": True, "message": None, "code": 0}).encode()


@pytest.mark.parametrize("call", CALLS)
def test_n11_an_answer_cut_at_any_byte_is_bad_input(
    server: Server, everything: Everything, call: str
) -> None:
    """At every third byte of a ticker, and of the others, which the same code takes apart, at every 17th from
    another byte on, and at each of the last ones, where all but the envelope is there."""
    path, ask, tree = everything.calls()[call]
    body = envelope(tree)
    server.on(path, Answer(body=body))
    whole = ask()
    apart, rest = 3 if call == "ticker" else 17, len(body) - 70
    some = [*range(CALLS.index(call) % apart, rest, apart), *range(rest, len(body))]
    for end in range(len(body)) if NIGHTLY else some:
        server.on(path, Answer(body=body[:end]))
        with pytest.raises(BadInput):
            ask()
    server.on(path, Answer(body=body + b" \n"))
    assert ask() == whole or call == "metadata"


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: body.decode().encode("utf-16"),
        lambda body: body.decode().encode("utf-32"),
        lambda body: body + body,
        lambda body: b"<html>" + body,
        lambda body: body[:-1] + b"\xff}",
    ],
    ids=["BOM", "UTF-16", "UTF-32", "twice", "HTML", "not UTF-8"],
)
def test_n11_what_is_not_one_document_in_utf8_is_bad_input(
    server: Server, everything: Everything, call: str, spoil: Callable[[bytes], bytes]
) -> None:
    path, ask, tree = everything.calls()[call]
    server.on(path, Answer(body=spoil(envelope(tree))))
    with pytest.raises(BadInput):
        ask()


NASTY = [
    None,
    True,
    17,
    -5,
    "",
    "x",
    "NaN",
    "1e400",
    "-1",
    "٣",
    "1_0",
    " 1",
    [],
    {},
    [[]],
    "\ud800",
    "\x00",
    10**30,
]
OF_AN_ORDER = {
    *("price", "leftAmount", "orderClientId", "time", "updateTime"),
    *("method", "status", "amount"),
}
OPTIONAL = {
    "tickers": {"bid", "ask"},
    "ticker": {"bid", "ask"},
    "trades": {"side"},
    "balances": {"free", "locked"},
    "open": {*OF_AN_ORDER, "type"},
    "order": OF_AN_ORDER,
    "fills": {"orderClientId", "orderType", "amount"},
}


def fields_that_are_read(call: str, row: Mapping[str, Any]) -> list[str]:
    """The fields without which the answer cannot be what it claims to be."""
    ignored = {
        "pairNormalized",
        "pairSymbolNormalized",
        "open",
        "average",
        "daily",
        "dailyPercent",
        "order",
        "stopPrice",
        "denominatorSymbol",
        "numeratorSymbol",
        "quantity",
        "assetname",
        "balance",
        "orderFund",
        "requestFund",
        "precision",
        "preciseAmount",
        "numerator",
        "denominator",
    }
    if call == "fills":
        ignored -= {"denominatorSymbol", "numeratorSymbol"}
    if call == "balances":
        ignored |= {"timestamp"}
    return [name for name in row if name not in ignored | OPTIONAL.get(call, set())]


ROWS = {
    "ticker": (TICKER, lambda row: [row]),
    "book": (BOOK, lambda row: row),
    "trades": (TRADE, lambda row: [row]),
    "balances": (BALANCE, lambda row: [row]),
    "open": (ORDER, lambda row: {"asks": [], "bids": [row]}),
    "order": (ORDER, lambda row: row),
    "fills": (FILL, lambda row: [row]),
}


@pytest.mark.parametrize("call", ROWS)
def test_n12_a_field_that_is_missing_or_renamed_is_named_in_the_fault(
    server: Server, everything: Everything, call: str
) -> None:
    row, wrap = ROWS[call]
    path, ask, _ = everything.calls()[call]
    for name in fields_that_are_read(call, row):
        for spoiled in (
            {key: value for key, value in row.items() if key != name},
            {(key if key != name else f"{key}2"): value for key, value in row.items()},
        ):
            server.on(path, data(wrap(spoiled)))
            with pytest.raises(BadInput, match=r"is missing|expected|nothing says whether"):
                ask()


@pytest.mark.parametrize("call", ROWS)
def test_n12_a_field_of_another_kind_is_bad_input_or_leaves_a_value_of_the_right_kind(
    server: Server, everything: Everything, call: str
) -> None:
    row, wrap = ROWS[call]
    path, ask, _ = everything.calls()[call]
    refused = 0
    for name in row:
        for nasty in NASTY:
            server.on(path, data(wrap({**row, name: nasty})))
            try:
                ask()
            except (BadInput, Refused):  # Refused: the row is of another pair
                refused += 1
    assert refused >= len(fields_that_are_read(call, row)) * (len(NASTY) // 2)


@pytest.mark.parametrize("call", ROWS)
@pytest.mark.parametrize("spell", [str.lower, str.upper, str.swapcase], ids=["lower", "upper", "swapped"])
def test_n12_fields_are_known_however_they_are_spelt(
    server: Server, everything: Everything, call: str, spell: Callable[[str], str]
) -> None:
    row, wrap = ROWS[call]
    path, ask, _ = everything.calls()[call]
    server.on(path, data(wrap(row)))
    before = ask()
    spelt = wrap({spell(name): value for name, value in row.items()})
    server.on(path, data(spelt), doc({spell("data"): spelt, spell("success"): True, spell("code"): 0}))
    assert ask() == before
    assert ask() == before
    assert not everything.payloads.unknown


def test_n12_a_field_in_two_spellings_is_taken_if_both_say_the_same(
    server: Server, everything: Everything
) -> None:
    path, ask, _ = everything.calls()["order"]
    server.on(path, data(ORDER))
    before = ask()
    server.on(path, data({**ORDER, "pairsymbol": "BTCTRY"}))
    assert ask() == before
    server.on(path, data({**ORDER, "pairsymbol": "ETHTRY"}))
    with pytest.raises(BadInput, match="two spellings"):
        ask()


@pytest.mark.parametrize("call", ROWS)
def test_n12_unknown_fields_are_counted_and_taken(server: Server, everything: Everything, call: str) -> None:
    row, wrap = ROWS[call]
    path, ask, _ = everything.calls()[call]
    server.on(path, data(wrap(row)))
    before = ask()
    server.on(path, data(wrap({**row, "brandNew": {"a": [1]}})))
    assert ask() == before
    assert [name.partition(".")[2] for name in everything.payloads.unknown] == ["brandNew"]


PLANTED = [
    "[" * 100_000,
    '{"a":' * 100_000,
    "1" * 5000,
    "[" + "9" * 61 + "]",
    "NaN",
    "Infinity",
    "-Infinity",
    "[1e400]",
    "[1e-400]",
    "[1e999999999999999999999]",
    '{"data":[],"data":[]}',
    '{"a":{"b":1,"b":1}}',
    "",
    "\x00",
    '"\ud800"',
    "{'a':1}",
    "[1,]",
    "01",
]


@pytest.mark.parametrize("text", PLANTED, ids=lambda text: ascii(text[:20]))
def test_planted_nasties_are_bad_input(text: str) -> None:
    with pytest.raises(BadInput):
        read_json(text.encode("utf-8", "surrogatepass"))


@given(
    body=st.binary(max_size=200)
    | st.text(alphabet='[]{}":,0123456789eE.-+truefalsn \\u"', max_size=200).map(str.encode)
)
def test_any_bytes_are_a_document_or_bad_input(body: bytes) -> None:
    with suppress(BadInput):
        read_json(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=5) | st.sampled_from(NASTY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@define
class Canned:
    """A client whose every read gives one document."""

    tree: Any
    clock: Any = None

    def read(
        self, endpoint: Any, query: Any = None, judge: Any = lambda tree: None, **place: str
    ) -> tuple[Any, bytes]:
        judge(self.tree)
        return self.tree, b""


class Noon:
    """A clock that stands."""

    def micros(self) -> int:
        return 1_760_000_000_000_000


CANNED = Canned(None, Noon())
ASKED = Everything(CANNED)


@pytest.mark.parametrize("call", CALLS)
@given(tree=JSON, deep=st.booleans(), key=st.integers(0, 30))
def test_any_document_is_a_value_or_bad_input(call: str, tree: Any, deep: bool, key: int) -> None:
    _, ask, good = ASKED.calls()[call]
    if deep:
        inner = good[0] if isinstance(good, list) else good
        spoiled = {**inner, list(inner)[key % len(inner)]: tree}
        tree = {"data": [spoiled] if isinstance(good, list) else spoiled}
    CANNED.tree = json.loads(json.dumps(tree), parse_float=Decimal)
    with suppress(BadInput, Refused, Unavailable):  # Unavailable: bars that say of themselves to be an error
        ask()


@given(status=st.integers(100, 599), body=st.binary(max_size=60) | JSON.map(lambda t: json.dumps(t).encode()))
def test_no_reply_to_a_write_is_a_proof_but_the_known_ones(status: int, body: bytes) -> None:
    try:
        envelope = write_verdict(SUBMIT, Reply(status, body))
    except OutcomeUnknown:
        return
    assert status == 200
    assert envelope["success"] is True


SAID = st.fixed_dictionaries({}, optional=dict.fromkeys(("data", "success", "code", "message"), JSON))


@given(
    status=st.sampled_from([200, 200, 400, 401, 403, 500]) | st.integers(100, 599),
    body=st.binary(max_size=60) | (JSON | SAID).map(lambda tree: json.dumps(tree).encode()),
)
def test_any_reply_to_a_read_is_a_success_or_a_named_failure(status: int, body: bytes) -> None:
    try:
        tree = read_verdict(TICKER_CALL, Reply(status, body))
    except (Refused, Unavailable):
        return
    except BadInput:
        assert status == 200
        return
    assert status == 200
    assert (tree["success"], tree.get("code") in (None, 0, "0", "SUCCESS")) == (True, True)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9,75", "9.75"),
        ("-3.036", "-3.036"),
        ("0.00050000", "0.0005"),
        ("0", "0"),
        ("-0.0", "0"),
        ("007", "7"),
    ],
)
def test_numbers_may_have_commas_and_zeros(text: str, number: str) -> None:
    assert str(as_decimal(text)) == number


@pytest.mark.parametrize(
    "text", ["1,000,000", "1.000,5", "1e5", "", ".", "1.", ".5", "+1", " 1", "1\n", "١", "1_0", "0x1"]
)
def test_other_notations_are_not_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="not a decimal number"):
        as_decimal(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=20))
def test_plain_numbers_are_the_same_numbers_without_exponent_or_trailing_zeros(number: Decimal) -> None:
    got = plain(number)
    assert got == number
    assert not (f"{got:f}".endswith("0") and "." in f"{got:f}")
    assert got.as_tuple().exponent <= 0


def test_klines_with_columns_of_different_lengths_are_bad_input(
    server: Server, everything: Everything
) -> None:
    for name in "tohlcv":
        server.on("GET /v1/klines/history", doc({**KLINES, name: KLINES[name][:1]}))
        with pytest.raises(BadInput, match="different lengths"):
            everything.market.candles("BTCTRY", 60, 1759996800, 1759996920)


def test_a_confirmation_is_read_like_any_other_answer(server: Server, everything: Everything) -> None:
    for name in ("id", "type", "pairSymbol", "quantity"):
        for nasty in NASTY:
            server.on("POST /api/v1/order", data({**SUBMITTED, name: nasty}))
            with suppress(OutcomeUnknown):
                # Numbers that are read as what we asked for, such as an id of another size, pass.
                assert everything.account.submit(NEW).client_id == NEW.client_id
