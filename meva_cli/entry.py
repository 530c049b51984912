"""The program's first lines: what is imported here comes before an interrupt can be answered with a message.

So that is next to nothing; `meva_cli.app` takes a quarter of a second.
"""

from __future__ import annotations

from meva_cli.signals import leave_at_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process."""
    leave_at_once()
    from meva_cli.app import main as run

    run()
