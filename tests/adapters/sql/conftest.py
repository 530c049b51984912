"""Both kinds of database for every test of the store."""

from postgres_server import new_postgres

__all__ = ["new_postgres"]
