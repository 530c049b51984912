"""The reference pages, written from the code: `python -m meva_cli.reference [--check]`.

What a setting is called and may be, and what a command takes, is said once, where it is checked. CI fails
when a page is not what this module would write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Final

import click

from meva_adapters.metrics.label_values import VALUES
from meva_adapters.metrics.vocabulary import SECTIONS
from meva_cli.lazy import load_command
from meva_cli.names import ENVIRONMENT_ONLY
from meva_cli.registry import ALIASES, BY_PATH, COMMANDS, Alias, Command
from meva_core.settings import GROUPS, Variable, variables_of

FOLDER: Final = Path("docs/reference")
_MADE: Final = "<!-- Made from the code by `make docs`; changes made here are lost. -->"

_SETTINGS: Final = f"""{_MADE}
# Settings

Every setting has one name. A value is taken from the first of these that has it: the command line, the
environment, `.env` in the working directory, `meva.toml` there, the default below.

`--set NAME=VALUE` on the command line names any setting that the command reads. `meva config` shows which
settings are not their defaults, and where each came from. An unknown name near a known one (`KILLSWITCH`,
`STAGE7_FEE_BPS`) is an error in `.env` and a warning in the environment; in `meva.toml` every unknown name is
an error.

`.env` holds `NAME=value` lines. `meva.toml` holds the same names in lower case, under the headings in
brackets below:

```toml
[stage7]
stage7_slippage_bps = 25
```

Values are exact: a number is plain digits with an optional minus and point, at most 8 decimal places, and
below 92 000 000 000. `bps` are 1/10 000. A list is written with commas or as JSON; `btc_try` means `BTCTRY`.
What is optional takes nothing or `none`. Anything that does not parse or breaks a bound stops the program
before it opens anything, with exit code 2 and one line for each fault. A command looks at the groups it uses,
and at no other. Names that only the environment has, and no file and no option:

| name | meaning |
|---|---|
"""

_COMMANDS: Final = f"""{_MADE}
# Commands

`meva COMMAND --help` says the same. Before the command's name stand `--log-format text|json`, the form of
logs on stderr, and `--debug`, which shows a traceback with an error.

On a terminal tables are drawn; elsewhere they are tab-separated with a header. `--json` prints one object,
and for an error `{{"error": {{"code": ..., "message": ..., "action": ...}}}}`.

| exit code | means |
|---|---|
| 0 | done |
| 1 | the work failed, or a comparison found a difference |
| 2 | it may not start: bad input, an unusable or busy database |
| 130 | interrupted |
"""

_METRICS: Final = f"""{_MADE}
# Metrics

`meva run stage7 --loop --metrics [HOST:]PORT` answers Prometheus' scrapes at `/metrics`; single cycles write
a file for node_exporter with `--metrics-file FILE.prom`. [operations.md](../operations.md) says how both are
used, [`ops/`](../../ops/README.md) has alert rules and a dashboard. Each metric has the label `book` beside
those that are listed. What is counted is counted since the process began, or since its file did. Amounts are
in TRY; here alone they are rounded, to what a float holds. An age that there is none of is NaN. A loop also
tells `process_*` of itself, as all programs with Prometheus' own client do.
"""

_LABELS: Final = """
## What labels may be

Nothing else, whatever happens; `reason` of a failure may be empty.

"""

_ALIASES: Final = """
## Names of the earlier system

They keep working, with their options; options that are not listed are called as they are today. What they
print is what the commands of today print.

"""


def settings_page() -> str:
    """Return the page of all settings, a table for each group."""
    parts = [_SETTINGS, *(f"| `{name}` | {what} |\n" for name, what in ENVIRONMENT_ONLY.items())]
    for name, group in GROUPS.items():
        rows = [_setting_row(variable) for variable in variables_of(group).values()]
        parts.append(f"\n## {group.__name__} [{name}]\n\n{group.__doc__}\n\n")
        parts.append(_table(("name", "default", "expected", "unit", "meaning"), rows))
    return "".join(parts)


def _setting_row(variable: Variable) -> tuple[str, ...]:
    meaning = f"{variable.doc}; never shown" if variable.secret else variable.doc
    if not variable.in_files:
        meaning += "; from the command line and the environment alone"
    if variable.old_name:
        meaning += f"; its old name `{variable.old_name}` is accepted"
    shown = variable.default_text
    default = shown if shown in ("none", "empty") else f"`{shown}`"
    return (f"`{variable.name}`", default, variable.expected, variable.unit, meaning)


def commands_page() -> str:
    """Return the page of all commands and of the earlier system's names for them."""
    parts = [_COMMANDS, *map(_command_part, COMMANDS)]
    aliases = [
        (f"`{name}`", f"`meva {alias.path}`", _old_options(alias), alias.differs)
        for name, alias in ALIASES.items()
        if alias.path in BY_PATH
    ]
    parts.append(_ALIASES)
    parts.append(_table(("name", "means", "its options", "where it differs"), aliases))
    return "".join(parts)


def _old_options(alias: Alias) -> str:
    """Return what the options of the earlier system mean, and what is taken where they are left out."""
    usage = load_command(alias.path).collect_usage_pieces(click.Context(load_command(alias.path)))
    places = [piece for piece in usage if piece != "[OPTIONS]"]
    said = []
    for option, meaning in alias.options.items():
        if isinstance(meaning, int):
            meaning = places[meaning]
        said.append(f"`{option}` = `{meaning}`" if meaning else f"`{option}` is taken and not used")
    for name, default in alias.defaults.items():
        said.append(f"without `{places[name] if isinstance(name, int) else name}`: `{default}`")
    said += [f"without `{name}`: `{default}`" for name, default in alias.settings.items()]
    return ", ".join(said)


def _command_part(entry: Command) -> str:
    command = load_command(entry.path)
    context = click.Context(command, info_name=f"meva {entry.path}")
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    records = (
        option.get_help_record(context) for option in command.params if isinstance(option, click.Option)
    )
    options = [(f"`{name}`", text) for name, text in filter(None, records)]
    text = cleandoc(command.help or "").replace("\b\n", "")
    return f"\n## meva {entry.path}\n\n`{usage}`\n\n{text}\n\n" + _table(("option", "does"), options)


def metrics_page() -> str:
    """Return the page of all metrics, a table for each section."""
    parts = [_METRICS]
    for name, section in SECTIONS.items():
        rows = [(f"`{one.name}`", one.kind, ", ".join(one.more), one.help) for one in section]
        parts.append(f"\n## {name}\n\n" + _table(("name", "kind", "labels", "says"), rows))
    parts.append(_LABELS)
    values = [
        (f"`{one.name}`", f"`{label}`", ", ".join(f"`{value}`" for value in among if value))
        for one, labels in VALUES.items()
        for label, among in labels.items()
    ]
    parts.append(_table(("metric", "label", "may be"), values))
    return "".join(parts)


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = tuple(columns)
    lines = [names, ("---",) * len(names), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def pages() -> Iterator[tuple[str, str]]:
    """Yield every page's file name and text."""
    yield "settings.md", settings_page()
    yield "commands.md", commands_page()
    yield "metrics.md", metrics_page()


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail if a page is not current.")
def main(check: bool) -> None:
    """Write the reference pages into docs/reference of the working directory."""
    stale = []
    for name, text in pages():
        path = FOLDER / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path))
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if check and stale:
        raise click.ClickException(f"not current: {', '.join(stale)}; run `make docs`")


if __name__ == "__main__":
    main()
