"""What a simulated exchange charges, and how orders fill there."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from meva_core.amounts import E12, parse_e8
from meva_core.errors import BadInput
from meva_core.settings import FillModel, MarkSource, Settings


@frozen(kw_only=True)
class Terms:
    """Rates are integers of 1e-12 of a notional (1 bps = 1e8): `maker` for resting fills, `taker` for those
    that take. A row older than `max_data_age` seconds fills nothing; `mark` says what the mark of the fill
    model `instant` is, `seed` goes into its draws."""

    maker: int
    taker: int
    slippage: int = 0
    model: FillModel = FillModel.TOUCH
    mark: MarkSource = MarkSource.MID
    max_data_age: int = 60
    seed: int = 0


def terms_of(settings: Settings, *, seed: int = 0) -> Terms:
    """Return the terms that settings name. Raises BadInput for a fee of more than all that is traded."""
    live, stage7 = settings.live, settings.stage7
    return Terms(
        maker=_rate("FEE_BPS_MAKER", live.fee_bps_maker),
        taker=_rate("FEE_BPS_TAKER", live.fee_bps_taker),
        slippage=_rate("STAGE7_SLIPPAGE_BPS", stage7.slippage_bps),
        model=stage7.fill_model,
        mark=stage7.mark_price_source,
        max_data_age=stage7.max_data_age_sec,
        seed=seed,
    )


def _rate(name: str, bps: Decimal) -> int:
    rate = parse_e8(bps, name)
    if rate > E12:
        raise BadInput(f"{name}: {bps} bps is more than all that is traded; expected 0 to 10000")
    return rate
