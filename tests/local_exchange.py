"""The emulator as a program of its own, on a free port, to hold the ports against."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import requests
from attrs import define
from started import Started, start

from meva_adapters.btcturk import Btcturk, Manners, connect
from meva_adapters.system.clock import SystemClock
from meva_core.ports import Permit
from meva_core.rules import FallbackRules
from meva_core.settings import Exchange, Secret
from tests.permits import Gate

FALLBACK = FallbackRules(Decimal("0.01"), Decimal("0.00000001"), Decimal(10), require_metadata=True)


@define
class LocalExchange:
    """A running emulator and what it is told from outside its API."""

    process: Started
    environment: dict[str, str]

    def control(self, method: str, path: str, /, **body: Any) -> Any:
        url = f"{self.environment['BTCTURK_BASE_URL']}/_emulator/{path}"
        reply = requests.request(method, url, json=body, timeout=60)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def fault(self, fault: str, on: str = "*", /, **settings: Any) -> None:
        self.control("POST", "faults", fault=fault, on=on, **settings)

    def settings(self, **changes: Any) -> Exchange:
        env = self.environment
        given = {
            "api_key": Secret(env["BTCTURK_API_KEY"]),
            "api_secret": Secret(env["BTCTURK_API_SECRET"]),
            "base_url": env["BTCTURK_BASE_URL"],
            "graph_url": env["BTCTURK_GRAPH_URL"],
            "ws_url": env["BTCTURK_WS_URL"],
        }
        return Exchange(**{**given, **changes})

    def connect(self, *, permit: Permit | None = None, **changes: Any) -> Btcturk:
        manners = Manners(backoff=0.01, patience=60.0, connect=2.0, total=5.0)
        return connect(
            self.settings(**changes),
            FALLBACK,
            SystemClock(),
            permit=permit or Gate(),
            with_account=True,
            manners=manners,
        )


def start_emulator(*arguments: str) -> LocalExchange:
    command = ("emulator", "serve", "--port", "0", "--json", "--seed", "7")
    funds = ("--balance", "TRY=1000000", "--balance", "BTC=2", "--balance", "ETH=20")
    process = start(*command, *funds, *arguments, stderr=None)
    assert process.stdout is not None
    return LocalExchange(process, json.loads(process.stdout.readline())["environment"])


def stop_emulator(exchange: LocalExchange) -> None:
    exchange.process.kill()
    exchange.process.wait(timeout=60)
    assert exchange.process.stdout is not None
    exchange.process.stdout.close()
