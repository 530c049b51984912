"""The locked versions are those that the project asks for: newest in two locks, lowest in the third."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
USERS = ("alerts", "emulator", "postgres", "stream")
HASHES = r"(?P<hashes>(?:\\\n +--hash=sha256:[0-9a-f]{64} ?)*)"
PIN = re.compile(rf"^(?P<package>[^\s#=]+)==(?P<version>[^\s;]+)[^\\\n]*{HASHES}", re.MULTILINE)


def asked(*extras: str) -> Iterator[Requirement]:
    """Yield what the project itself asks for with these extras."""
    for text in [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]:
        if not text.startswith("meva["):
            yield Requirement(text)


def locked(name: str) -> dict[str, list[Version]]:
    """Return the versions that a lock names of each package; more than one where Pythons differ."""
    found: dict[str, list[Version]] = {}
    for match in PIN.finditer((LOCKS / name).read_text(encoding="utf-8")):
        assert match["hashes"], f"{name}: {match['package']} has no hash"
        found.setdefault(canonicalize_name(match["package"]), []).append(Version(match["version"]))
    return found


@pytest.mark.parametrize(("name", "extras"), [("meva.lock", USERS), ("dev.lock", tuple(EXTRAS))])
def test_a_lock_holds_a_version_that_is_allowed_of_everything_that_is_asked_for(name, extras):
    pins = locked(name)
    for requirement in asked(*extras):
        versions = pins.get(canonicalize_name(requirement.name))
        assert versions, f"{requirement} is not in {name}: make lock"
        assert all(version in requirement.specifier for version in versions), f"{requirement}: make lock"


def test_users_install_the_versions_that_were_tested():
    tested = locked("dev.lock")
    assert {name: tested.get(name) for name in locked("meva.lock")} == locked("meva.lock")


def test_the_lowest_lock_holds_each_lower_bound_itself():
    pins = locked("lowest.lock")
    for requirement in asked(*USERS):
        bounds = [Version(spec.version).release for spec in requirement.specifier if spec.operator == ">="]
        assert bounds, f"{requirement}: no lower bound"
        (version,) = pins[canonicalize_name(requirement.name)]
        assert version.release[: len(bounds[0])] == bounds[0], f"{requirement}: make lock"
