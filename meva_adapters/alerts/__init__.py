"""Alerts on their way to people: receivers by their addresses, and who sends what waits in the database."""

from meva_adapters.alerts.receivers import Receiver, receivers
from meva_adapters.alerts.sending import Sender

__all__ = ["Receiver", "Sender", "receivers"]
