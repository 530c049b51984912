"""The settings that victims trade under."""

from __future__ import annotations

from stage7_runs import BUSY

SETTINGS = BUSY | {"STAGE7_ORDER_OFFSET_BPS": "-4", "STAGE7_SIM_REJECT_PROB_BPS": "1000"}
