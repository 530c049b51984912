"""What a live run says of its caps when it begins: those that its stage keeps, and no other."""

import pytest

from meva_cli.operating.told import _caps
from meva_core.settings import build_settings

SETTINGS = {
    "NOTIONAL_CAP_TRY_PER_CYCLE": "1000",
    "MAX_ORDERS_PER_CYCLE": "2",
    "RISK_MAX_ORDER_NOTIONAL_TRY": "300",
    "MAX_POSITION_NOTIONAL_TRY": "400",
    "MAX_POSITION_TRY_PER_SYMBOL": "500",
    "RISK_MAX_GROSS_EXPOSURE_TRY": "10000",
}


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (3, "caps: 1000 TRY and 2 orders a cycle, 500 TRY a symbol, 10000 TRY in all"),
        (4, "caps: 1000 TRY and 2 orders a cycle, 300 TRY an order, 400 TRY a symbol, 10000 TRY in all"),
    ],
)
def test_a_stage_tells_the_caps_that_it_keeps(stage, said):
    assert _caps(stage, build_settings(SETTINGS)) == said
