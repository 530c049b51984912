"""A stored run or book, told once for figures and pictures alike."""

from __future__ import annotations

from collections.abc import Callable

from meva_adapters.codec import CODEC
from meva_adapters.pictures.gathered import Gathered
from meva_core.figures.cycles import Cycles, Opening
from meva_core.ports import Reads
from meva_core.stages.accounts import Account
from meva_core.stages.summary import Retold, retold


def told_and_gathered(reads: Reads, account: Account, cash_rate: float) -> tuple[Retold, Gathered]:
    """Return what came of an account, and what pictures show of it, in one pass over its cycles. Raises as
    `summary_of` does."""
    gathered: list[Gathered] = []

    def begin(opening: Opening) -> Callable[[Cycles], None]:
        first, last = account.runs[0]["start_ts"], account.runs[-1]["last_ts"]
        gathered.append(Gathered(int(first.timestamp()), int(last.timestamp()), opening))
        return gathered[0].take

    found = retold(reads, account, CODEC, begin, cash_rate=cash_rate)
    return found, gathered[0]
