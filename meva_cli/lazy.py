"""A click group that takes names and one-line helps from the registry and imports a command on use."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

import click

from meva_cli.named import FALLBACK, SET_NAME, set_option
from meva_cli.registry import ALIASES, BY_PATH, GROUPS, Alias


def load_command(path: str) -> click.Command:
    """Import and return the command of that path, such as `replay init`.

    One that reads settings gets `--set`.
    """
    entry = BY_PATH[path]
    module, _, attribute = entry.target.partition(":")
    command: click.Command = getattr(import_module(module), attribute)
    command.short_help = entry.help
    if entry.settings is not None and not any(option.name == SET_NAME for option in command.params):
        command.params.append(set_option(entry.path, entry.settings))
    return command


def modern_arguments(alias: Alias, name: str, arguments: Sequence[str]) -> list[str]:
    """Return the earlier system's arguments as the command of today takes them."""
    positional: dict[int, str] = {}
    rest: list[str] = []
    tokens = iter(arguments)
    for token in tokens:
        option, equals, value = token.partition("=")
        meaning = alias.options.get(option, option)
        if isinstance(meaning, str):
            rest.append(meaning + equals + value)
            continue
        given = value if equals else next(tokens, None)
        if given is None:
            raise click.UsageError(f"Option '{option}' of {name} requires an argument.")
        if meaning is not None:
            positional[meaning] = given
    if not {"-h", "--help"} & set(rest):
        _take_defaults(alias, name, positional, rest)
    return [positional[place] for place in sorted(positional)] + rest


def _take_defaults(alias: Alias, name: str, positional: dict[int, str], rest: list[str]) -> None:
    """Add what the earlier system took where nothing was given; raise UsageError for what it did not have."""
    for option, default in alias.defaults.items():
        if isinstance(option, int):
            positional.setdefault(option, default)
        elif not any(token.partition("=")[0] == option for token in rest):
            rest += [option, default]
    for option, place in alias.options.items():
        if isinstance(place, int) and place not in positional and positional:
            raise click.UsageError(f"Missing option '{option}' of {name}.")


class LazyGroup(click.Group):
    """The commands of the registry below one path; the root has the empty path."""

    path = ""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the registry's order."""
        return list(self._helps())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a group, or import a command; None for a name that is neither."""
        path = f"{self.path} {cmd_name}".strip()
        if path in GROUPS:
            group = LazyGroup(cmd_name, help=GROUPS[path])
            group.path = path
            return group
        return load_command(path) if path in BY_PATH else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names, by its own name or by the earlier system's."""
        alias = None if self.path else ALIASES.get(args[0])
        if alias and alias.path in BY_PATH:
            ctx.meta[FALLBACK] = alias.settings
            args = [*alias.path.split(), *modern_arguments(alias, args[0], args[1:])]
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], self._helps(), n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(error.message + hint, ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names and their one-line helps, which are at hand."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._helps().items()))

    def _helps(self) -> dict[str, str]:
        """Return the one-line help of each name right below this path."""
        depth = len(self.path.split())
        helps: dict[str, str] = {}
        for path, text in {**{c.path: c.help for c in BY_PATH.values()}, **GROUPS}.items():
            words = path.split()
            if words[:depth] == self.path.split() and len(words) > depth:
                top = " ".join(words[: depth + 1])
                helps.setdefault(words[depth], GROUPS.get(top, text))
        return helps
