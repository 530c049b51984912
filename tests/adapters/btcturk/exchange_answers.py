"""Answers of the exchange as it writes them: shapes are real, values are invented."""

from __future__ import annotations

from typing import Any

TICKER: dict[str, Any] = {
    "pair": "BTCTRY",
    "pairNormalized": "BTC_TRY",
    "timestamp": 1760000000456,
    "last": 3036000,
    "high": 3066900,
    "low": 2991500,
    "bid": 3035100,
    "ask": 3036600,
    "open": 3059000,
    "volume": 23.3865,
    "average": 3038200,
    "daily": -22400,
    "dailyPercent": -0.75,
    "denominatorSymbol": "TRY",
    "numeratorSymbol": "BTC",
    "order": 1000,
}
BOOK: dict[str, Any] = {
    "timestamp": 1760000000123.0,
    "bids": [["3035100", "0.01862000"], ["3035099", "0.20000000"]],
    "asks": [["3036600", "0.00411000"], ["3036650", "0.11000000"]],
}
TRADE: dict[str, Any] = {
    "pair": "BTCTRY",
    "pairNormalized": "BTC_TRY",
    "numerator": "BTC",
    "denominator": "TRY",
    "date": 1760000000001,
    "tid": "101963779399182811",
    "price": "3036000",
    "amount": "0.00687000",
    "side": "sell",
}
KLINES: dict[str, Any] = {
    "s": "ok",
    "t": [1759996800, 1759996860],
    "h": [3041000, 3044000],
    "o": [3036000, 3040000],
    "l": [3031000, 3036500],
    "c": [3040000, 3042000],
    "v": [1.25, 0.98],
}
BALANCE: dict[str, Any] = {
    "asset": "TRY",
    "assetname": "Türk Lirası",
    "balance": "12500.5000000000000000",
    "locked": "1519.8216000000000000",
    "free": "10980.6784000000000000",
    "orderFund": "1519.8216",
    "requestFund": "0",
    "precision": 2,
    "timestamp": 1760000000789,
}
ORDER: dict[str, Any] = {
    "id": 25338000001,
    "price": "2124576",
    "amount": "0.00050000",
    "quantity": "0.00050000",
    "stopPrice": "0",
    "pairSymbol": "BTCTRY",
    "pairSymbolNormalized": "BTC_TRY",
    "type": "buy",
    "method": "limit",
    "orderClientId": "bot-7f3a-1",
    "time": 0,
    "updateTime": 1760000001234,
    "status": "Untouched",
    "leftAmount": "0.00050000",
}
FILL: dict[str, Any] = {
    "id": 1181163798900000001,
    "orderId": 25338000002,
    "orderClientId": "bot-7f3a-2",
    "timestamp": 1760000002345,
    "numeratorSymbol": "BTC",
    "denominatorSymbol": "TRY",
    "orderType": "buy",
    "price": "3036000",
    "amount": "0.0005",
    "preciseAmount": 0.0005,
    "fee": "-3.036",
    "tax": "-0.6072",
}
FLOW: dict[str, Any] = {
    "id": 760000001,
    "timestamp": 1760000003456,
    "balanceType": "deposit",
    "currencySymbol": "BTC",
    "amount": "0.25",
    "preciseAmount": 0.25,
    "fee": "0",
    "tax": "0",
    "address": "bc1q",
    "tag": None,
    "txHash": "00ff",
    "confirmationCount": 3,
    "isConfirmed": True,
}
SUBMITTED: dict[str, Any] = {
    "id": 25338000001,
    "quantity": "0.0005",
    "price": "2124576",
    "stopPrice": None,
    "newOrderClientId": "bot-7f3a-1",
    "type": "buy",
    "method": "limit",
    "pairSymbol": "BTCTRY",
    "pairSymbolNormalized": "BTC_TRY",
    "datetime": 1760000001200,
}
PAIR: dict[str, Any] = {
    "id": 1,
    "name": "BTCTRY",
    "nameNormalized": "BTC_TRY",
    "status": "TRADING",
    "numerator": "BTC",
    "denominator": "TRY",
    "numeratorScale": 8,
    "denominatorScale": 0,
    "hasFraction": False,
    "filters": [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": "0.0000000000001",
            "maxPrice": "10000000",
            "tickSize": "10",
            "minExchangeValue": "99.91",
            "minAmount": None,
            "maxAmount": None,
        }
    ],
    "orderMethods": ["MARKET", "LIMIT", "STOP_MARKET", "STOP_LIMIT"],
    "maximumLimitOrderPrice": 30360000.0,
    "minimumLimitOrderPrice": 303600.0,
}
EXCHANGE_INFO: dict[str, Any] = {
    "timeZone": "UTC",
    "serverTime": 1760000000123,
    "symbols": [PAIR],
    "currencies": [],
    "currencyOperationBlocks": [],
}
