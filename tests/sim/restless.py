"""A strategy that trades much and for no reason, and always the same in the same view: for rehearsals."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

from meva_core.strategy import Intent, LiveView, Side, Strategy, Target


class Restless(Strategy):
    """Buys and sells at random, near the best prices and far from them, by intents and by targets."""

    id = "restless"
    version = 1

    def decide(self, view: LiveView, memory: dict[str, Any]) -> list[Intent | Target]:  # type: ignore[override]
        """Ask for something in most symbols."""
        memory["asked"] = memory.get("asked", 0) + 1
        found: list[Intent | Target] = []
        for symbol in view.symbols:
            if not symbol.mark:
                continue
            dice = hashlib.sha256(f"{view.time}{symbol.name}{memory['asked']}".encode()).digest()
            mark, kind = Decimal(symbol.mark), dice[0] % 8
            away = Decimal(dice[1] % 5 - 2) / 1000
            if kind in (0, 1, 2):
                limit = mark * (1 + away)
                found.append(Intent(symbol.name, Side.BUY, 100 + dice[2], limit=limit, reason="dice"))
            elif kind in (3, 4) and symbol.to_sell:
                part = Decimal(dice[3] % 4 + 1) / 4
                found.append(
                    Intent(
                        symbol.name, Side.SELL, qty=Decimal(symbol.to_sell) * part, limit=mark * (1 - away),
                        purpose="reduce" if dice[4] % 2 else "profit", reason="dice",
                    )
                )  # fmt: skip
            elif kind == 5:
                found.append(Target(symbol.name, value_try=Decimal(dice[5]) * 4))
        return found
