"""A program that places one order through the desk and is killed while it waits for the answer.

python desk_victim.py DATABASE CLIENT_ID PRICE QTY      the exchange comes from the environment
"""

from __future__ import annotations

import os
import sys
from decimal import Decimal
from time import sleep

from local_exchange import FALLBACK

from meva_adapters.btcturk import connect
from meva_adapters.sql.store import writer
from meva_adapters.system.clock import SystemClock
from meva_core.live.desk import Desk
from meva_core.orders import Side
from meva_core.settings import Exchange, Secret
from meva_core.venue import NewOrder
from tests.permits import Gate


def wait(milliseconds: int) -> None:
    sleep(milliseconds / 1000)


def main(database: str, client_id: str, price: str, qty: str) -> None:
    env = os.environ
    exchange = connect(
        Exchange(
            api_key=Secret(env["BTCTURK_API_KEY"]),
            api_secret=Secret(env["BTCTURK_API_SECRET"]),
            base_url=env["BTCTURK_BASE_URL"],
        ),
        FALLBACK,
        SystemClock(),
        permit=Gate(),
        with_account=True,
    )
    assert exchange.venue is not None
    assert exchange.account is not None
    with writer(database) as store:
        desk = Desk(exchange.venue, exchange.account, store, exchange.client.clock, wait)
        desk.place(NewOrder(client_id, "BTCTRY", Side.BUY, Decimal(price), Decimal(qty)))


if __name__ == "__main__":
    main(*sys.argv[1:])
