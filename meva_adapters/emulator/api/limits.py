"""Request budgets: windows that start with the first request, and blocks as long as the period."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import orjson
from attrs import Factory, define, frozen

from meva_adapters.emulator.api.calls import Failed, Reply


@frozen
class Budget:
    """At most `most` requests in `seconds`, of whom `policy` says: an address, or an account at one."""

    most: int
    seconds: int
    policy: str = "ip"


_BOTH: Final = "account + ip"
BUDGETS: Final[Mapping[str, tuple[Budget, ...]]] = {
    "balances": (Budget(120, 60),),
    "order.post": (Budget(300, 60, _BOTH), Budget(10, 1, _BOTH)),
    "order.delete": (Budget(300, 60, _BOTH), Budget(10, 1, _BOTH)),
    "order.get": (Budget(900, 60, _BOTH), Budget(30, 1, _BOTH)),
    "open_orders": (Budget(300, 60),),
    "all_orders": (Budget(300, 60),),
    "transactions.trade": (Budget(120, 60),),
    "transactions.other": (Budget(90, 60),),
    "ticker": (Budget(600, 60),),
    "orderbook": (Budget(180, 60),),
    "ohlcs": (Budget(120, 60),),
    "graph": (Budget(600, 600),),
    "stream": (Budget(15, 60),),
}
"""By endpoint class. What is not listed has no documented budget."""


@define
class _Spending:
    start: int
    count: int = 0
    blocked_until: int = 0


@define(eq=False)
class Limiter:
    """Counts requests by endpoint class and caller; `refused` is how many were over a budget, by class."""

    refused: Counter[str] = Factory(Counter)
    _windows: dict[tuple[str, int, str], _Spending] = Factory(dict)

    def spend(self, endpoint: str, address: str, account: str, now: int) -> None:
        """Count one request at `now` in ms; raises Failed with a 429 when a budget is used up."""
        for budget in BUDGETS.get(endpoint, ()):
            who = f"{account}@{address}" if budget.policy is _BOTH else address
            key = (endpoint, budget.seconds, who)
            window = self._windows.get(key)
            if window is None or now >= max(window.start + budget.seconds * 1000, window.blocked_until):
                window = self._windows[key] = _Spending(now)
            if now < window.blocked_until:
                self.refused[endpoint] += 1
                raise _too_many(budget, window.blocked_until - now)
            window.count += 1
            if window.count > budget.most:
                self.refused[endpoint] += 1
                window.blocked_until = now + budget.seconds * 1000
                raise _too_many(budget, budget.seconds * 1000)

    def reset(self) -> None:
        """Forget all counts and blocks; what was refused stays on record."""
        self._windows.clear()


def _too_many(budget: Budget, wait_ms: int) -> Failed:
    period = f"{budget.seconds // 60}m" if budget.seconds >= 60 else f"{budget.seconds}s"
    seconds = -(-wait_ms // 1000)
    if budget.policy is _BOTH:
        details = f"Quota exceeded. Please try again in {seconds} second(s)."
    else:
        details = f"Quota exceeded. Maximum allowed: {budget.most} per {period}."
    body = {
        "message": "TOO_MANY_REQUESTS",
        "success": False,
        "code": 429,
        "details": details,
        "limit": str(budget.most),
        "period": period,
        "policy": budget.policy,
    }
    return Failed(Reply(429, orjson.dumps(body), headers={"Retry-After": str(seconds)}))
