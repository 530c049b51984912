"""`meva init`: a folder to work in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import click

from meva_cli.load import DOTENV, TOML
from meva_cli.options import FOLDER
from meva_cli.render import print_line
from meva_cli.strategies.template import class_name_of, template_of
from meva_core.errors import BadInput

WANTED: Final[Mapping[str, tuple[str, ...]]] = {
    "gates": ("STAGE7_ENABLED",),
    "exchange": ("SYMBOLS",),
    "state": ("STATE_DB_PATH", "MEVA_REPLAY_DATASET"),
    "live": (
        "DRY_RUN_TRY_BALANCE",
        "MAX_ORDERS_PER_CYCLE",
        "MIN_ORDER_NOTIONAL_TRY",
        "NOTIONAL_CAP_TRY_PER_CYCLE",
        "MAX_POSITION_NOTIONAL_TRY",
        "TRY_CASH_TARGET",
        "TTL_SECONDS",
    ),
    "stage7": (
        "STAGE7_UNIVERSE_SIZE",
        "STAGE7_ORDER_OFFSET_BPS",
        "STAGE7_FEES_BPS",
        "STAGE7_SLIPPAGE_BPS",
        "STAGE7_MAX_DAILY_LOSS_TRY",
        "STAGE7_MAX_DRAWDOWN_PCT",
        "STAGE7_MAX_DATA_AGE_SEC",
    ),
}
"""The settings that a newcomer looks for first, by the heading they stand under."""

_STRATEGY: Final = "idea.py"
_GITIGNORE: Final = """.env
*.db
*.db-*
.cache/
recordings/
"""
_README: Final = """# A folder for Meva

`meva config` shows the settings that count here, from `meva.toml` and `.env`; with `--all` those at their defaults, too.
`meva replay init markets`, then `meva backtest --data markets`: a backtest over made-up markets; with `--strategy idea.py:Idea` what `idea.py` says is held, which is yours to edit.
`meva replay import FILE... --into DIR` takes candles as you have them; `meva replay fetch` and `meva replay capture` bring the exchange's own.
`meva run stage7`, once `stage7_enabled = "true"` opens it, trades the live market with simulated money; `meva doctor` says what is missing.
`meva why` says why it did or did not trade, and `meva report --html report.html` what came of it.
"""  # noqa: E501 - one line each


@click.command()
@click.argument("folder", type=FOLDER)
def init(folder: Path) -> None:
    """Make FOLDER, with settings to begin with, each as a comment that says what it means, and a strategy.

    `.env` has the names of secrets, and only its owner may read it. A folder that holds something is refused.
    """
    from meva_adapters.system.files import whole_folder

    files = {TOML: _toml(), DOTENV: _dotenv(), ".gitignore": _GITIGNORE, "README.md": _README}
    files[_STRATEGY] = template_of(class_name_of(Path(_STRATEGY)), Path(_STRATEGY))
    try:
        with whole_folder(folder) as made:
            for name, text in files.items():
                (made / name).write_text(text, encoding="utf-8")
                (made / name).chmod(0o600)
    except FileExistsError as error:
        raise BadInput(f"{folder}: {error.strerror}", action="name a folder that is not there yet") from error
    for name in sorted(files):
        print_line(str(folder / name))
    print_line(f"Next: cd {folder}, and read README.md")


def _toml() -> str:
    return "\n".join(_toml_lines()) + "\n"


def _toml_lines() -> Iterator[str]:
    """Yield the settings that are wanted most: all as comments, so that only what is chosen counts."""
    from meva_core.settings import GROUPS, VARIABLES

    yield "# Settings of Meva. Take the # away from a line to change it; the environment and --set go before."
    for heading, names in WANTED.items():
        doc = (GROUPS[heading].__doc__ or "").splitlines()[0]
        yield from ("", f"[{heading}]  # {doc}")
        for name in names:
            variable = VARIABLES[name]
            unit = f" [{variable.unit}]" if variable.unit else ""
            default = "" if variable.default is None else variable.default_text.replace("empty", "")
            yield f'# {name.lower()} = "{default}"  # {variable.doc}{unit}'


def _dotenv() -> str:
    """Return the names of secrets, as comments."""
    from meva_core.settings import VARIABLES

    secrets = [name for name, variable in VARIABLES.items() if variable.secret and variable.in_files]
    head = "# Secrets, if any: Stage 7 needs none. This file is for its owner alone, and for no repository."
    return "\n".join([head, *(f"# {name}=" for name in secrets)]) + "\n"
