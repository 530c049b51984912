"""One thing that was looked at, and what the checks are about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

from attrs import frozen

from meva_core.errors import BadInput, MevaError

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_cli.checks.answers import Answered
    from meva_cli.load import Loaded
    from meva_core.settings import Settings


BACKTEST: Final = "backtest"
STAGE3: Final = "stage3"
STAGE4: Final = "stage4"
STAGE7: Final = "stage7"
PURPOSES: Final = (STAGE7, STAGE3, STAGE4, BACKTEST)
"""What can be looked around for."""


class Status(StrEnum):
    """How it is: right, worth a look, or not right."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"


@frozen
class Check:
    """One thing that was looked at: what was seen, and what to do where that is not right. `code` is that of
    the error which said so, if one did."""

    category: str
    name: str
    status: Status
    message: str
    action: str = ""
    code: str = ""


@frozen
class Look:
    """One category's checks, made under its name."""

    category: str

    def passed(self, name: str, message: str) -> Check:
        """Return a check of what is right."""
        return Check(self.category, name, Status.PASS, message)

    def warned(self, name: str, message: str, action: str = "") -> Check:
        """Return a check of what is worth a look."""
        return Check(self.category, name, Status.WARN, message, action)

    def failed(self, name: str, message: str, action: str = "", code: str = "") -> Check:
        """Return a check of what is not right."""
        return Check(self.category, name, Status.FAIL, message, action, code)

    def refused(self, name: str, error: MevaError) -> Iterator[Check]:
        """Yield a failed check for each fault of an error."""
        problems = error.problems if isinstance(error, BadInput) else ()
        for problem in problems:
            yield self.failed(name, str(problem), problem.action, problem.code)
        if not problems:
            yield self.failed(name, str(error), error.action, error.code)


@frozen(slots=False)
class World:
    """What the checks are about.

    `purpose` is what is to be run: a stage or `backtest`. `loaded` is None where the settings cannot be
    read, `unread` then says why. `url` is the database, None where the settings do not tell. A file is gone
    through up to a size of `integrity_bytes`. `quick` is set before a run: only what takes no time. `stream`
    is set for a loop with the stream. A strategy has the `parameters` of the command line besides those of
    the settings, and is loaded where `loads_strategy` says so: that runs its code; `proves_strategy` asks it
    about the dataset, too.
    """

    purpose: str
    interval: int
    loaded: Loaded | None
    unread: BadInput | None = None
    url: URL | None = None
    integrity_bytes: int = 0
    quick: bool = False
    offline: bool = False
    stream: bool = False
    parameters: Sequence[str] = ()
    loads_strategy: bool = True
    proves_strategy: bool = False

    @property
    def settings(self) -> Settings:
        """The settings; whoever asks comes after the check that they can be read."""
        if self.loaded is None:
            raise BadInput("the settings cannot be read")
        return self.loaded.settings

    @property
    def is_live(self) -> bool:
        """Whether what is to be run asks the exchange."""
        return self.purpose != BACKTEST

    @property
    def has_account(self) -> bool:
        """Whether what is to be run may have an account at the exchange."""
        return self.purpose in (STAGE3, STAGE4)

    @property
    def sends_orders(self) -> bool:
        """Whether it places orders with money: Stages 3 and 4 do where DRY_RUN does not keep them from it."""
        return self.has_account and not self.settings.gates.dry_run

    @cached_property
    def answers(self) -> Answered:
        """What the exchange says: asked once, at most four questions, and three of the account where what is
        to be run has one."""
        from meva_cli.checks.answers import ask

        account = self.has_account and self.settings.exchange.has_credentials
        return ask(self.settings, with_account=account, with_stream=self.stream)
