"""What an answer repeats of a signed request: neither told, nor stored, nor taken for a value."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from exchange_answers import BALANCE, FILL
from hypothesis import given
from hypothesis import strategies as st
from scripted_exchange import KEY, SECRET, Answer, Asked, Server, data, doc, refusal

from meva_adapters.btcturk import PrivateData, Signer
from meva_adapters.btcturk.echoes import hidden
from meva_core.errors import MevaError
from meva_core.orders import Side
from meva_core.venue import NewOrder

STAMP = 1_700_000_000_000
SIGNATURE = "l7IssY58WE5eyGoYJoOK7dJZsRA3ZqYLOsQMdM9HSxA="
SENT = (KEY.reveal(), SECRET.reveal(), SIGNATURE)


def told(body: str) -> str:
    return Signer(KEY, SECRET).hidden_in(body.encode(), STAMP).decode()


@pytest.mark.parametrize("text", SENT)
def test_all_that_was_sent_is_hidden_in_whatever_form_it_comes_back(text: str) -> None:
    escaped = "".join(f"\\u{ord(character):04X}" for character in text)
    encoded = text.encode()
    for form in (
        text,
        text.upper(),
        quote(text, safe=""),
        encoded.hex(),
        b64encode(encoded).decode(),
        escaped,
    ):
        assert told(f"<{form}>") == "<<secret>>"
        assert told(f'{{"message":"xyz{form}xyz {form}"}}') == '{"message":"xyz<secret>xyz <secret>"}'
    half_escaped = json.dumps(text)[1:-1].replace("/", "\\/").replace("0", "\\u0030")
    assert told(half_escaped) == "<secret>"


@pytest.mark.parametrize("text", SENT)
def test_a_beginning_of_eight_characters_is_hidden_where_it_stands_alone(text: str) -> None:
    for length in (8, 9, 20, len(text) - 1):
        assert told(f'"\\n{text[:length]}": {text[:length]}...') == '"\\n<secret>": <secret>...'
    assert told(text[:7]) == text[:7]


def test_texts_side_by_side_are_each_hidden() -> None:
    assert told("".join(SENT)) == "<secret>" * 3
    assert hidden(b"a" * 41, ["a" * 20]) == b"<secret>" * 2 + b"a"


@pytest.mark.parametrize("number", ["00b7e1c0de", "b7e1c0de00", "s7:b7e1c0de9f"])
def test_a_number_that_holds_a_beginning_by_chance_is_left_as_it_is(number: str) -> None:
    assert told(f'{{"txHash":"{number}"}}') == f'{{"txHash":"{number}"}}'


@given(st.binary(max_size=80), st.sampled_from(SENT), st.binary(max_size=80))
def test_hiding_takes_out_what_was_sent_and_nothing_else(before: bytes, text: str, behind: bytes) -> None:
    assert hidden(before + behind, ["absent-secret"]) == before + behind
    assert hidden(before + text.encode() + behind, [text]) == before + b"<secret>" + behind


Wrap = Callable[[str], Answer]
ANSWERS: dict[str, Wrap] = {
    "a message": lambda echo: refusal(echo),
    "a message behind others": lambda echo: refusal("x" * 40 + echo),
    "a code": lambda echo: doc({"success": False, "message": "m", "code": echo}, 400),
    "a page": lambda echo: Answer(500, f"<html>{echo}".encode()),
    "a body that is no document": lambda echo: Answer(200, f"X-PCK: {echo}".encode()),
    "an amount": lambda echo: data([{**BALANCE, "free": echo}]),
    "a name": lambda echo: data([{**BALANCE, "asset": echo, "free": "x"}]),
    "a field": lambda echo: data([{**BALANCE, "balance": {echo: echo}}]),
    "a side": lambda echo: data([{**FILL, "orderType": echo}]),
    "a list": lambda echo: doc([echo]),
}


@pytest.mark.parametrize("wrap", ANSWERS.values(), ids=ANSWERS)
def test_no_error_quotes_what_was_sent(
    server: Server, account: PrivateData, wrap: Wrap, caplog: pytest.LogCaptureFixture
) -> None:
    """An order's error is stored with it, where nothing hides secrets."""

    def answer(asked: Asked) -> Answer:
        return wrap(f"{asked.headers['X-PCK']} {asked.headers['X-Signature'][:30]}")

    order = NewOrder("bot-7f3a-1", "BTCTRY", Side.BUY, Decimal(1), Decimal(100))
    asks: dict[str, Callable[[], Any]] = {
        "GET /api/v1/users/balances": account.balances,
        "GET /api/v1/users/transactions/trade": lambda: account.order_fills(str(FILL["orderId"])),
        "POST /api/v1/order": lambda: account.submit(order),
    }
    said = [caplog.text]
    for call, ask in asks.items():
        server.on(call, answer)
        with pytest.raises(MevaError) as caught:
            ask()
        said.append(f"{caught.value} {caught.value.action} {vars(caught.value)}")
    asked = [one for one in server.asked if "X-PCK" in one.headers]
    assert len(asked) >= 3
    for secret in {part for one in asked for part in (one.headers["X-PCK"], one.headers["X-Signature"])}:
        assert secret[:8] not in "".join(said)
