"""Rules of the house that imports alone cannot show, read off the syntax trees."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa

from meva_adapters.sql.columns import META

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "meva_core").rglob("*.py"))
ADAPTERS = sorted((ROOT / "meva_adapters").rglob("*.py"))
PACKAGES = [*CORE, *ADAPTERS, *sorted((ROOT / "meva_cli").rglob("*.py"))]
MIGRATIONS = sorted((ROOT / "migrations").rglob("*.py"))
EVERYTHING = PACKAGES + MIGRATIONS + sorted((ROOT / "tests").rglob("*.py"))

MODULE_LINES = 500
FUNCTION_LINES = 60

PURE = {
    "__future__", "attrs", "bisect", "cattrs", "collections", "contextlib", "datetime", "decimal", "difflib",
    "enum", "fractions", "functools", "hashlib", "heapq", "ipaddress", "itertools", "json", "math",
    "meva_core", "numpy", "operator", "re", "shlex", "struct", "types", "typing",
}  # fmt: skip
"""What the core may import. Each of these computes; none of them reads or changes the world."""
COMPILERS = {"llvmlite", "numba"}
IMPURE_CALLS = {
    "now", "utcnow", "today", "open", "print", "input", "eval", "exec", "round", "float", "__import__",
    "fromfile", "tofile", "loadtxt", "savetxt",
}  # fmt: skip
FLOATS_ARE_SCORES = {"meva_core/market.py", "meva_core/steps/select.py"}
"""Where scores are computed; no amount passes through a float anywhere."""
FLOATS_ARE_RATIOS = {"meva_core/figures/ratios.py"}
"""Where amounts are divided by amounts for people to read; no amount and no decision ever comes of that."""
FLOATS_ARE_WEIGHTS = "meva_core/strategy/"
"""Where a strategy looks at amounts as floats and answers with weights: they become whole millionths, and
amounts are made of those alone."""
EVALUATES_WHAT_IT_READS = {"pickle", "marshal", "shelve", "yaml", "dill", "cloudpickle"}
READS_YAML = {"tests/ops/ops_files.py"}
"""It reads our own files, by the loader that makes plain values alone."""
SHOW_WHAT_PICKLE_DOES = {"tests/core/test_settings.py", "tests/adapters/system/test_machine_code.py"}
"""They show that a secret hides from it, and that planted code is not run."""
BEGIN_TO_READ = {
    ("meva_adapters/sql/direct.py", "__init__"),
    ("meva_adapters/sql/engine.py", "reader_engine"),
    ("meva_adapters/sql/glance.py", "_engine"),
    ("meva_adapters/sql/glance.py", "_begin"),
}
"""The functions whose transactions wait for no lock: what they open cannot write, or writes in units of work,
which have begun their own by then."""
CONNECT_TO_LOOK = {
    "meva_adapters/rehearsal/machine.py", "meva_adapters/sql/tidying.py", "meva_adapters/sql/upgrade.py",
}  # fmt: skip
"""They open a file past the engines and write no row: a copy page by page, an empty log taken away, a
look."""
RATES_OF_THE_EARLIER_SYSTEM = {
    "cycle_metrics.fill_rate",
    "cycle_metrics.avg_time_to_fill",
    "cycle_metrics.slippage_bps_avg",
}
"""Its only columns that are not exact, and none of them is an amount."""


def name_of(path: Path) -> str:
    """Return a path as messages show it."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file, which several rules look at."""
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module", autouse=True)
def _trees_end_with_the_rules() -> Iterator[None]:
    yield
    tree_of.cache_clear()


def imports_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and full name of every module that is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def _of(node: ast.Attribute, module: str) -> bool:
    """Whether a name is looked up in a module."""
    return isinstance(node.value, ast.Name) and node.value.id == module


def called(node: ast.Call) -> str:
    """Return the last word of what is called."""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def each(paths: list[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """Make one test of a rule for each file: it names every file that breaks it. A test of its own for each
    of some thousand would take longer to tell of than to run."""

    def made(rule: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            broken = []
            for path in paths:
                try:
                    rule(path)
                except AssertionError as error:
                    broken.append(f"{name_of(path)}: {error}")
            assert paths
            assert not broken, "\n".join(broken)

        test.__name__, test.__doc__ = rule.__name__, rule.__doc__
        return test

    return made


# -- The core is pure -------------------------------------------------------------------------------------


@each(CORE)
def test_the_core_imports_only_what_computes(path: Path) -> None:
    allowed = PURE | (COMPILERS if path.parent.name == "machine" else set())
    allowed |= {"importlib"} if name_of(path) == "meva_core/__init__.py" else set()  # of its own modules
    found = [(line, name.partition(".")[0]) for line, name in imports_of(tree_of(path))]
    assert not [(line, name) for line, name in found if name not in allowed]


def test_numba_is_imported_when_something_is_compiled_and_not_before() -> None:
    def at_import(path: Path) -> set[str]:
        return {name for node in tree_of(path).body for _, name in imports_of_statement(node)}

    outside = [path for path in CORE if path.parent.name != "machine"]
    assert not [name_of(path) for path in outside if any("machine" in name for name in at_import(path))]
    assert "meva_core.machine.entry" in {
        name for _, name in imports_of(tree_of(ROOT / "meva_core/engine.py"))
    }


def imports_of_statement(node: ast.stmt) -> Iterator[tuple[int, str]]:
    """Yield what a top-level statement imports when its module is imported."""
    if not isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield from imports_of(node)


@each(CORE)
def test_the_core_reads_no_clock_and_no_file_and_runs_no_text(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            assert called(node) not in IMPURE_CALLS, f"{name_of(path)}:{node.lineno} calls {called(node)}"
        assert not isinstance(node, ast.Global), f"{name_of(path)}:{node.lineno} changes a global"


EXACT = [
    path
    for path in CORE
    if name_of(path) not in FLOATS_ARE_SCORES | FLOATS_ARE_RATIOS
    and not name_of(path).startswith(FLOATS_ARE_WEIGHTS)
]


@each(EXACT)
def test_the_core_makes_no_float_outside_of_scores_ratios_and_weights(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant):
            assert not isinstance(node.value, float | complex), f"line {node.lineno}: float literal"
        if isinstance(node, ast.BinOp | ast.AugAssign):
            assert not isinstance(node.op, ast.Div), f"line {node.lineno}: true division"
        if isinstance(node, ast.Attribute):
            floats = re.match(r"(float|double|longdouble)\d*$", node.attr)
            assert not floats, f"line {node.lineno}: float column"


@each(PACKAGES)
def test_events_are_logged_by_the_standard_library(path: Path) -> None:
    """structlog makes their lines: it is imported with the first of them."""
    at_import = {name for node in tree_of(path).body for _, name in imports_of_statement(node)}
    guarded = name_of(path) == "meva_adapters/system/logs.py"
    assert guarded or not any(name.partition(".")[0] == "structlog" for name in at_import)


# -- What no module does ----------------------------------------------------------------------------------


@each(EVERYTHING)
def test_nothing_that_evaluates_what_it_reads_is_used(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if not any(word in text for word in (*EVALUATES_WHAT_IT_READS, "shell")):
        return  # most files: their trees need not be made
    allowed = {"pickle"} if name_of(path) in SHOW_WHAT_PICKLE_DOES else set()
    allowed |= {"yaml"} if name_of(path) in READS_YAML else set()
    tree = ast.parse(text)
    uses = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _of(node, "yaml")}
    assert uses <= {"safe_load", "safe_dump"}
    used = {name.partition(".")[0] for _, name in imports_of(tree)}
    assert not used & (EVALUATES_WHAT_IT_READS - allowed)
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "shell":
            assert isinstance(node.value, ast.Constant), f"{name_of(path)}:{node.value.lineno}"
            assert node.value.value is False, f"{name_of(path)}:{node.value.lineno}"


@each(PACKAGES + MIGRATIONS)
def test_p2_whatever_may_write_waits_for_the_lock_of_its_database_when_it_begins(path: Path) -> None:
    # What reads first and writes then finds, half-way, that another was quicker, and cannot go on.
    if not any(word in path.read_text(encoding="utf-8") for word in ("BEGIN", "sqlite3")):
        return
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "sqlite3.connect":
            ours = any(one.arg == "isolation_level" for one in node.keywords)  # else the driver begins one
            assert ours or name_of(path) in CONNECT_TO_LOOK, f"line {node.lineno}"
    for function in ast.walk(tree_of(path)):
        if isinstance(function, ast.FunctionDef) and (name_of(path), function.name) not in BEGIN_TO_READ:
            texts = [node for node in ast.walk(function) if isinstance(node, ast.Constant)]
            begun = [text for text in texts if re.match(r"BEGIN\b", str(text.value))]
            assert all(text.value == "BEGIN IMMEDIATE" for text in begun), function.name


@each(ADAPTERS + MIGRATIONS)
def test_no_database_adds_up_amounts(path: Path) -> None:
    # SQLite would add amounts, which are text there, as floats.
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            adds = re.search(r"\b(SUM|AVG|TOTAL)\s*\(", node.value)
            assert not adds, f"{name_of(path)}:{node.lineno} {node.value[:60]}"
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "func":
            assert node.attr not in {"sum", "avg", "total"}, f"{name_of(path)}:{node.lineno}"


def test_no_column_of_ours_is_a_float() -> None:
    floats = {
        f"{table.name}.{column.name}"
        for table in META.tables.values()
        for column in table.columns
        if isinstance(column.type, sa.Float)
    }
    assert META.tables
    assert floats <= RATES_OF_THE_EARLIER_SYSTEM


@each(sorted((ROOT / "migrations" / "versions").glob("*.py")))
def test_a_revision_does_not_change_with_the_program(path: Path) -> None:
    assert re.fullmatch(r"\d{4}_[a-z0-9_]+\.py", path.name)
    assert not {name for _, name in imports_of(tree_of(path)) if name.startswith(("meva_", "."))}


# -- Size and words ---------------------------------------------------------------------------------------


@each(PACKAGES + MIGRATIONS)
def test_modules_have_one_subject_and_functions_fit_on_a_screen(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MODULE_LINES
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{name_of(path)}:{node.lineno} {node.name} has {length} lines"


@each(PACKAGES)
def test_everything_public_says_what_it_is(path: Path) -> None:
    tree = tree_of(path)
    silent = [f"{node.lineno} {node.name}" for node in public(tree) if not ast.get_docstring(node)]
    assert ast.get_docstring(tree), name_of(path)
    assert not silent


HOOKS = {"load_dialect_impl", "process_bind_param", "process_result_value"}
"""Methods that SQLAlchemy's base class has described."""


def public(tree: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Yield the public functions and classes of a module, and the public methods of those classes."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if node.name not in HOOKS:
            yield node
        if isinstance(node, ast.ClassDef):
            yield from public(node)


def test_no_tracked_file_knows_a_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    homes = re.compile(r"/(?:work|root|farm)/|/(?:home|Users)/[a-z]+/")
    assert listed.stdout
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path == Path(__file__) or not path.is_file():
            continue
        found = homes.search(path.read_bytes().decode("utf-8", "replace"))
        assert found is None, f"{name} names {found.group() if found else ''}"


def test_no_two_test_modules_share_a_name() -> None:
    # pytest imports them by their names alone.
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
