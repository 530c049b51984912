"""Why the exchange refuses: the documented codes and messages. Clients match on the message."""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    """A documented refusal as (code, message). Codes of cancels were never observed and are near guesses."""

    MARKET_ORDER = (1118, "FAILED_MARKET_ORDER")
    PARAMETER = (1121, "FAILED_ORDER_PARAMETER")
    OPEN_ORDERS = (1122, "FAILED_ORDER_WITH_OPEN_ORDERS")
    MIN_TOTAL = (1123, "FAILED_MIN_TOTAL_AMOUNT")
    STOP_ABOVE_ASK = (1124, "FAILED_STOP_PRICE_GREATER_THAN_BEST_ASK")
    STOP_BELOW_BID = (1125, "FAILED_STOP_PRICE_LESS_THAN_BEST_BID")
    PRICE_SCALE = (1126, "FAILED_INVALID_PRICE_SCALE")
    QUANTITY_SCALE = (1127, "FAILED_INVALID_QUANTITY_SCALE")
    STOP_SCALE = (1128, "FAILED_INVALID_STOP_PRICE_SCALE")
    METHOD = (1134, "ORDER_METHOD_NOT_SUPPORTED")
    SIDE = (1193, "ORDER_TYPE_NOT_SUPPORTED")
    ABOVE_MAXIMUM = (1226, "PRICE_MUST_BE_LESS_THAN_MAXPRICE")
    BELOW_MINIMUM = (1227, "PRICE_MUST_BE_LESS_THAN_MINPRICE")
    BALANCE = (1055, "BALANCE_NOT_ENOUGH")
    REQUEST = (1037, "INVALID_REQUEST_ERROR")
    NOT_CANCELABLE = (1051, "ORDER_COULD_NOT_BE_CANCELED")
    NO_SUCH_OPEN_ORDER = (1052, "NO_ORDER_MATCHES_YOUR_REQUEST")
    NO_SUCH_ORDER = (1152, "Order not found")

    @property
    def code(self) -> int:
        """The business code of the reply."""
        return self.value[0]

    @property
    def message(self) -> str:
        """The message of the reply."""
        return self.value[1]


class Rejected(Exception):
    """The exchange refuses a request, and nothing has changed."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @classmethod
    def because(cls, reason: Reason) -> Rejected:
        """Return the refusal of a documented reason."""
        return cls(reason.code, reason.message)
