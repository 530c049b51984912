"""What a strategy's source is: its module and what this imports of its author's; and that it is what runs."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from meva_adapters.strategies import sources
from meva_adapters.strategies.loading import Chosen, load
from meva_core.errors import BadInput
from meva_core.strategy.built_in import BUILT_IN

OWN = """
from meva_core.strategy import Strategy
{imports}

class Own(Strategy):
    def weights(self, h):
        return None

    def share(self):
        {then}
        return {share}
"""
STAMP = 1_700_000_000
Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return what writes sources by their paths, each as if in the same second."""

    def written(files: dict[str, str], folder: Path = tmp_path) -> None:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            os.utime(path, (STAMP, STAMP))

    return written


@pytest.fixture(autouse=True)
def _as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave no module of these folders behind."""
    there = set(sys.modules)
    yield
    for name in [name for name in set(sys.modules) - there if _is_of(tmp_path, sys.modules[name])]:
        del sys.modules[name]


def _is_of(folder: Path, module: ModuleType) -> bool:
    places = [getattr(module, "__file__", ""), *getattr(module, "__path__", ())]
    return any(str(place).startswith(str(folder)) for place in places)


def own(imports: str, share: str = "SHARE", then: str = "pass") -> str:
    return OWN.format(imports=imports, share=share, then=then)


def loaded(folder: Path) -> tuple[object, str]:
    """Return the share that the strategy of `own.py` comes to, and the SHA-256 of its source."""
    return told(load(f"{folder}/own.py:Own"))


def told(chosen: Chosen) -> tuple[object, str]:
    return chosen.strategy.share(), chosen.identity["source_sha256"]  # type: ignore[attr-defined]


def sha256_of(**files: str) -> str:
    """Return the SHA-256 of modules that lie in one folder, by their names."""
    lines = [f"{name}.py {hashlib.sha256(text.encode()).hexdigest()}\n" for name, text in files.items()]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


# -- An edit is another strategy --------------------------------------------------------------------------

LAYOUTS: dict[str, tuple[str, dict[str, str]]] = {
    "beside it": (own("from core import SHARE"), {"core.py": "SHARE = 0.1"}),
    "a part of a package": (
        own("from signals.core import SHARE"),
        {"signals/__init__.py": "", "signals/core.py": "SHARE = 0.1"},
    ),
    "its dotted name": (
        own("import signals.fast.core", "signals.fast.core.SHARE"),
        {"signals/__init__.py": "", "signals/fast/__init__.py": "", "signals/fast/core.py": "SHARE = 0.1"},
    ),
    "a folder that is no package": (
        own("from signals.core import SHARE"),
        {"signals/core.py": "SHARE = 0.1"},
    ),
    "a module out of a package": (
        own("from signals import core", "core.SHARE"),
        {"signals/__init__.py": "", "signals/core.py": "SHARE = 0.1"},
    ),
    "what a package defines": (own("from signals import SHARE"), {"signals/__init__.py": "SHARE = 0.1"}),
    "a name that is a module, too": (
        own("from signals import SHARE"),
        {"signals/__init__.py": "from .SHARE import SHARE", "signals/SHARE.py": "SHARE = 0.1"},
    ),
    "relative names": (
        own("from signals import SHARE"),
        {
            "signals/__init__.py": "from .fast.near import SHARE",
            "signals/fast/__init__.py": "",
            "signals/fast/near.py": "from . import other\nfrom ..core import SHARE",
            "signals/fast/other.py": "",
            "signals/core.py": "SHARE = 0.1",
        },
    ),
    "what a package above defines": (
        own("from signals.core import SHARE"),
        {"signals/__init__.py": "KEPT = 0.1", "signals/core.py": "from . import KEPT as SHARE"},
    ),
    "a circle": (
        own("from signals.core import SHARE"),
        {
            "signals/__init__.py": "",
            "signals/core.py": "import signals.back\nSHARE = 0.1",
            "signals/back.py": "import signals.core",
        },
    ),
    "a name that is made up": (
        own("from importlib import import_module", "import_module('signals.' + 'core').SHARE")
        + "\nOwn().share()",
        {"signals/__init__.py": "", "signals/core.py": "SHARE = 0.1"},
    ),
    "a folder that it names itself": (
        own("import sys\nsys.path.append(__file__[:-6] + 'lib')\nfrom helping import SHARE\nsys.path.pop()"),
        {"lib/helping.py": "SHARE = 0.1"},
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_edit_of_what_it_imports_is_another_strategy_and_is_what_runs(
    tmp_path: Path, write: Write, layout: str
) -> None:
    text, files = LAYOUTS[layout]
    write({"own.py": text, **files})
    before = loaded(tmp_path)
    assert (before[0], loaded(tmp_path)) == (0.1, before)
    write({name: source.replace("0.1", "0.9") for name, source in files.items()})  # of one size and second
    after = loaded(tmp_path)
    assert after[0] == 0.9
    assert after[1] != before[1]
    write(files)
    assert loaded(tmp_path) == before


def test_so_is_one_of_what_it_imports_within_a_function(tmp_path: Path, write: Write) -> None:
    write({"own.py": own("", "0", "if not self: from signals import core"), "signals/core.py": "SHARE = 0.1"})
    _, before = loaded(tmp_path)
    write({"signals/core.py": "SHARE = 0.9"})
    assert loaded(tmp_path)[1] != before


# -- What it was it stays ---------------------------------------------------------------------------------


def test_of_modules_that_lie_beside_each_other_the_identity_is_that_of_recorded_runs(
    tmp_path: Path, write: Write
) -> None:
    texts = {
        "own": own("import os.path, numpy\nfrom near import SHARE"),
        "near": "SHARE = 0.1\nimport far",
        "far": "import near\ndef late():\n    from last import X",
        "last": "",
    }
    write({f"{name}.py": text for name, text in texts.items()} | {"unused.py": "", "docs/notes.py": ""})
    assert loaded(tmp_path) == (0.1, sha256_of(**texts))
    write({"own.py": own("", "1")})
    assert loaded(tmp_path) == (1, sha256_of(own=own("", "1")))


def test_those_that_come_with_meva_are_their_own_module_alone() -> None:
    kind = BUILT_IN["momentum"]
    text = Path(str(sys.modules[kind.__module__].__file__)).read_text()
    assert sources.source_sha256(kind) == sha256_of(momentum=text)


def test_what_was_installed_into_its_folder_is_no_part_of_it(tmp_path: Path, write: Write) -> None:
    """`pip install --target` puts distributions anywhere; their versions are not its author's edits."""
    write(
        {
            "own.py": own("from bought import SHARE\nfrom bought.deep import X"),
            "bought/__init__.py": "SHARE = 0.1",
            "bought/deep.py": "X = 1",
            "bought-2.0.dist-info/RECORD": "bought/__init__.py,sha256=x,11\nbought/deep.py,sha256=y,5\n",
        }
    )
    before = loaded(tmp_path)
    write({"bought/deep.py": "X = 2"})
    assert loaded(tmp_path) == before


def test_a_source_that_is_no_python_and_is_not_run_counts_as_it_stands(tmp_path: Path, write: Write) -> None:
    write({"own.py": own("", "0", "if not self: import torn"), "torn.py": "print 'of Python 2'"})
    share, before = loaded(tmp_path)
    write({"torn.py": "print 'of Python 3'"})
    assert share == 0
    assert loaded(tmp_path)[1] != before


def test_more_modules_than_a_strategy_can_need_are_refused(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MOST", 2)
    write({"own.py": own("import a"), "a.py": "import b\nSHARE = 1", "b.py": ""})
    with pytest.raises(BadInput, match=r"more than 2 modules belong to the strategy in .*own\.py: all that"):
        loaded(tmp_path)


# -- A part of a package ----------------------------------------------------------------------------------


@pytest.fixture
def package(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], tuple[object, str]]:
    """Return what loads `ideas.calm.own:Own` with some imports, in a process that knows no `ideas` yet."""
    monkeypatch.syspath_prepend(tmp_path)

    def with_imports(imports: str) -> tuple[object, str]:
        for name in [name for name in sys.modules if name.partition(".")[0] == "ideas"]:
            del sys.modules[name]
        write({"ideas/__init__.py": "", "ideas/calm/__init__.py": "", "ideas/calm/own.py": own(imports)})
        return told(load("ideas.calm.own:Own"))

    return with_imports


@pytest.mark.parametrize(
    ("imports", "file"),
    [
        ("from ideas.calm.near import SHARE", "ideas/calm/near.py"),
        ("from ..shared import SHARE", "ideas/shared.py"),
        ("from ideas.shared import SHARE", "ideas/shared.py"),
        ("from .deep.core import SHARE", "ideas/calm/deep/core.py"),
    ],
)
def test_of_a_part_of_a_package_the_modules_of_the_package_that_it_imports_count(
    package: Callable[[str], tuple[object, str]], write: Write, imports: str, file: str
) -> None:
    write({file: "SHARE = 0.1"})
    share, before = package(imports)
    write({file: "SHARE = 0.19"})
    assert (share, package(imports)[0]) == (0.1, 0.19)
    assert package(imports)[1] != before


def test_where_they_lie_beside_it_the_identity_is_that_of_recorded_runs(
    package: Callable[[str], tuple[object, str]], write: Write
) -> None:
    write({"ideas/calm/near.py": "SHARE = 0.1", "ideas/calm/far.py": "", "ideas/calm/statistics.py": ""})
    imports = "import statistics\nfrom . import far\nfrom .near import SHARE"
    assert package(imports)[1] == sha256_of(own=own(imports), near="SHARE = 0.1", far="", statistics="")


# -- Modules of one name ----------------------------------------------------------------------------------


def test_two_folders_may_have_modules_of_one_name(tmp_path: Path, write: Write) -> None:
    for folder, share in (("first", 0.1), ("second", 0.9)):
        files = {"own.py": own("from help.core import SHARE"), "help/core.py": f"SHARE = {share}"}
        write(files, tmp_path / folder)
    assert [loaded(tmp_path / name)[0] for name in ("first", "second", "first")] == [0.1, 0.9, 0.1]


def test_what_was_imported_before_and_is_not_imported_again_stands_as_it_stood(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook has modules of its own, in the same folder: it goes on with them."""
    write({"own.py": own("SHARE = 1"), "mine/__init__.py": "", "mine/plots.py": "", "near.py": "SHARE = 1"})
    monkeypatch.syspath_prepend(tmp_path)
    import mine.plots  # type: ignore[import-not-found]
    import near  # type: ignore[import-not-found]

    loaded(tmp_path)
    assert (sys.modules["mine"], sys.modules["mine.plots"], sys.modules["near"]) == (mine, mine.plots, near)
    write({"own.py": own("from near import SHARE")})
    loaded(tmp_path)
    assert sys.modules["mine.plots"] is mine.plots
    assert sys.modules["near"] is not near


def test_what_could_not_be_loaded_is_looked_for_anew_once_it_is_mended(tmp_path: Path, write: Write) -> None:
    write({"own.py": own("from signals.core import SHARE"), "signals/core.py": "SHARE = 1 / 0"})
    with pytest.raises(BadInput, match="ZeroDivisionError"):
        loaded(tmp_path)
    write({"own.py": own("from signals import SHARE"), "signals/__init__.py": "SHARE = 0.1"})
    assert loaded(tmp_path)[0] == 0.1
