"""A savepoint whose clean-up never hides why it was needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa


@contextmanager
def savepoint(connection: sa.Connection) -> Iterator[None]:
    """Undo what the block did to the database when it raises, and keep the transaction able to go on.

    A full disk makes SQLite undo the whole transaction by itself: the savepoint is gone then, too, and going
    back to it fails. The error that came first is the one to raise.
    """
    nested = connection.begin_nested()
    try:
        yield
    except BaseException:
        with suppress(sa.exc.SQLAlchemyError):
            nested.rollback()
        raise
    nested.commit()
