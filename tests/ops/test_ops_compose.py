"""The compose file says only what the Compose specification knows, each of its kind: a misspelt key is left
out of account by nobody but us."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from ops_files import COMPOSE, tree_of

Kind = Callable[[Any], bool]


def matching(pattern: str) -> Kind:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def list_of(kind: Kind) -> Kind:
    return lambda value: isinstance(value, list) and all(map(kind, value))


def mapping(keys: Mapping[str, Kind], *needed: str) -> Kind:
    return lambda value: not faults(value, keys, *needed)


def faults(value: Any, keys: Mapping[str, Kind], *needed: str) -> list[str]:
    """What of a mapping the specification does not know, or has as another kind; what it needs and lacks."""
    if not isinstance(value, dict):
        return [f"{value!r} is no mapping"]
    wrong = [key for key, inner in value.items() if key not in keys or not keys[key](inner)]
    return wrong + [key for key in needed if key not in value]


TEXT: Final[Kind] = matching(r"[^\0]+")
FLAG: Final[Kind] = lambda value: isinstance(value, bool)  # noqa: E731
DURATION: Final = matching(r"(?:\d+(?:us|ms|s|m|h))+")
WORDS: Final = list_of(TEXT)
SERVICE: Final[Mapping[str, Kind]] = {
    "build": mapping({"context": TEXT, "dockerfile": TEXT, "args": WORDS, "target": TEXT}, "context"),
    "cap_drop": WORDS,
    "command": WORDS,
    "configs": list_of(mapping({"source": TEXT, "target": TEXT, "mode": TEXT}, "source")),
    "environment": lambda value: isinstance(value, dict) and all(map(TEXT, value.values())),
    "healthcheck": mapping(
        {
            "test": lambda value: WORDS(value) and value[0] in ("CMD", "CMD-SHELL", "NONE"),
            "interval": DURATION,
            "timeout": DURATION,
            "start_period": DURATION,
            "retries": lambda value: isinstance(value, int),
        },
        "test",
    ),
    "image": matching(r"[\w.-]+(?:/[\w.-]+)*:[\w][\w.-]*"),  # a version, so that what ran runs again
    "init": FLAG,
    "ports": list_of(matching(r"(?:[\d.]+:)?\d+:\d+(?:/tcp|/udp)?")),
    "read_only": FLAG,
    "restart": matching(r"no|always|unless-stopped|on-failure(?::\d+)?"),
    "security_opt": WORDS,
    "stop_grace_period": DURATION,
    "stop_signal": matching(r"SIG[A-Z]+"),
    "tmpfs": WORDS,
    "volumes": list_of(matching(r"[^:]+:/[^:]+(?::ro|:rw)?")),
}
FILE: Final[Mapping[str, Kind]] = {
    "name": matching(r"[a-z0-9][a-z0-9_-]*"),
    "services": lambda value: isinstance(value, dict),
    "volumes": lambda value: isinstance(value, dict) and set(value.values()) <= {None},
    "configs": lambda value: (
        isinstance(value, dict)
        and all(map(mapping({"content": TEXT, "file": TEXT, "external": FLAG}), value.values()))
    ),
}


def test_the_file_has_what_the_specification_knows() -> None:
    tree = tree_of(COMPOSE)
    assert faults(tree, FILE, "services") == []
    for name, service in tree["services"].items():
        assert (name, faults(service, SERVICE)) == (name, [])
        assert len({"build", "image"} & set(service)) == 1, "it is built or fetched"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stop_grace_periods", "60s"),
        ("stop_grace_period", 60),
        ("restart", "on-failures"),
        ("ports", [3000]),
        ("healthcheck", {"tests": ["CMD", "true"]}),
        ("image", "prom/prometheus"),
        ("configs", [{"target": "/etc/x"}]),
    ],
)
def test_what_compose_would_refuse_or_not_heed_is_found(key: str, value: Any) -> None:
    assert key in faults({key: value}, SERVICE)


def test_variables_have_defaults_and_what_is_put_into_files_is_whole() -> None:
    tree = tree_of(COMPOSE)
    for value in tree["services"]["meva"]["environment"].values():
        assert "$" not in value or re.fullmatch(r"\$\{[A-Z_0-9]+:-[^}]+\}", value), value
    for config in tree["configs"].values():
        assert "$" not in config["content"], "compose would put something in its place"
