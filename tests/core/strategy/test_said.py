"""What a strategy says as a document and back; and what is no such document."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from meva_core.errors import BadInput
from meva_core.orders import Side
from meva_core.strategy import Intent, Target
from meva_core.strategy.said import Said, said_document, said_from

SYMBOLS = ("BTCTRY", "ETHTRY")
ITEMS = (
    Intent("BTCTRY", Side.BUY, Decimal("150.00000001"), limit="91999999999.99999999", reason="a dip"),
    Intent("ETHTRY", Side.SELL, qty="0.00000001", purpose="reduce", confidence=0.1),
    Intent("ETHTRY", Side.SELL, 200),
    Target("BTCTRY", value_try=0),
    Target("ETHTRY", weight=0.123456, reason="more of it"),
)
INTENT = said_document(Said(ITEMS[:1]))["items"][0]


@pytest.mark.parametrize(
    "said", [Said(), Said(ITEMS), Said(weights={}), Said(weights={"BTCTRY": 0, "ETHTRY": 12_345_600})]
)
def test_it_comes_back_as_it_was(said: Said) -> None:
    assert said_from(json.loads(json.dumps(said_document(said))), SYMBOLS) == said


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"items": [], "weights": []},
        {"items": [], "weights": {"BTCTRY": 0.5}},
        {"items": [], "weights": {"BTCTRY": True}},
        {"items": [], "weights": {"BTCTRY": 10**400}},
        {"items": [], "weights": {"BTCTRY": -100}},
        {"items": [], "weights": {"BTCTRY": 6 * 10**7, "ETHTRY": 6 * 10**7}},
        {"items": [], "weights": {"NONETRY": 0}},
        {"items": 7, "weights": None},
        {"items": [7], "weights": None},
        {"items": [{}], "weights": None},
        {"items": [{"kind": "order"}], "weights": None},
        {"items": [INTENT | {"symbol": "NONETRY"}], "weights": None},
        {"items": [INTENT | {"notional_try": "150"}], "weights": None},
        {"items": [INTENT | {"qty": 5}], "weights": None},
        {"items": [INTENT | {"side": "HOLD"}], "weights": None},
        {"items": [INTENT | {"more": 1}], "weights": None},
    ],
)
def test_what_is_no_answer_is_refused(document: Any) -> None:
    with pytest.raises(BadInput):
        said_from(document, SYMBOLS)
