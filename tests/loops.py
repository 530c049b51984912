"""Event loops of servers that tests have in a thread of their own."""

from __future__ import annotations

import asyncio


def wind_up(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop whose server has ended, with what came in just before: a connection that was accepted and
    has no one to close it is told of by whichever test runs when it is collected as garbage."""
    left = asyncio.all_tasks(loop)  # such as an answer that a fault holds back
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left))
    for _ in range(3):  # to close a transport takes a turn of the loop, to tell it another
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()
