"""`--set NAME=VALUE`: a setting from the command line, for every command that reads settings.

The registry says which groups a command reads; one that it does not read is refused, since it would change
nothing. Imported with the first help: it imports no setting before one is named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from meva_core.errors import BadInput

SET_NAME: Final = "named_settings"
SET: Final = "meva.set"
"""Where a command's context keeps what `--set` named: texts by the names of variables."""
FALLBACK: Final = "meva.fallback"
"""Where it keeps what counts where no source names a setting: defaults of an earlier system's command."""
ALONE: Final = "meva.alone"
"""Where it keeps whether nothing but the command line names settings: no environment and no file."""


def set_option(path: str, groups: Collection[str]) -> click.Option:
    """Return the option for the command of that path, which reads these groups of settings and `state`."""

    def keep(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> None:
        if given:
            context.meta[SET] = named_settings(given, path, {*groups, "state"})

    return click.Option(
        ["--set", SET_NAME],
        multiple=True,
        metavar="NAME=VALUE",
        expose_value=False,
        callback=keep,
        help="A setting, before the environment and files. May be repeated.",
    )


def named_settings(given: Iterable[str], path: str, groups: Collection[str]) -> dict[str, str]:
    """Return texts by the names of variables.

    Raises BadInput for what is no NAME=VALUE, an unknown name, a value that the setting does not take, a
    name that stands there twice, and a setting that the command does not read.
    """
    from meva_cli.names import ENVIRONMENT_ONLY, near_name
    from meva_core.errors import BadInput
    from meva_core.settings import GROUPS, VARIABLES, variables_of
    from meva_core.settings.build import STAGE7_READS

    homes = {
        variable.name: name for name, group in GROUPS.items() for variable in variables_of(group).values()
    }
    today = {variable.old_name: variable.name for variable in VARIABLES.values() if variable.old_name}
    texts: dict[str, str] = {}
    for item in given:
        written, equals, text = item.partition("=")
        name = today.get(written, written)
        if not equals:
            raise BadInput("--set: expected NAME=VALUE", action="write for instance --set STAGE7_FEES_BPS=20")
        if name in ENVIRONMENT_ONLY:
            raise BadInput(f"--set: {name} is taken from the environment alone", action=f"export {name}=...")
        if name not in VARIABLES:
            near = near_name(name)
            hint = f"; did you mean {near}?" if near else ""
            raise BadInput(f"--set: unknown setting {name!r}{hint}", action="`meva config --all` lists them")
        if name in texts:
            raise BadInput(f"--set: {name} is named twice", action="leave one of them out")
        if homes[name] not in groups:
            read = f"{path} reads {', '.join(f'[{g}]' for g in GROUPS if g in groups)}"
            raise _changes_nothing(path, name, f"leave it out; {read}")
        if homes[name] == "live" and _is_of_stage7(groups) and name not in STAGE7_READS:
            own = f"STAGE7_{name}"
            instead = f"set {own}" if own in VARIABLES else "leave it out"
            raise _changes_nothing(path, name, f"{instead}; of [live] it reads {', '.join(STAGE7_READS)}")
        VARIABLES[name].parse(text, "the command line")
        if VARIABLES[name].secret and homes[name] == "exchange":
            click.echo(f"warning: {name} on a command line is seen by others; use .env", err=True)
        texts[name] = text
    return texts


def _is_of_stage7(groups: Collection[str]) -> bool:
    """Whether what reads these groups is about Stage 7 alone, which of `live` reads little."""
    return "stage7" in groups and "risk" not in groups


def _changes_nothing(path: str, name: str, action: str) -> BadInput:
    from meva_core.errors import BadInput

    return BadInput(f"--set: meva {path} does not read {name}: it would change nothing", action=action)
