"""How databases are named, and that no odd form of an address gives its password away."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.sql import ensure, head, reader
from meva_adapters.sql.addresses import database_url, shown
from meva_adapters.sql.upgrade import downgrade_database
from meva_cli.progress import NoProgress
from meva_core.errors import BadInput

PASSWORD = "s3cret"
HALF = "w0rd"


@pytest.mark.parametrize(
    "target",
    ["", ":memory:", "a\0b", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///file:x?uri=true",
     "sqlite:///x.db?mode=ro", "mysql://h/d", "postgresql://u:pw@h:bad/x", "b\udcff.db", "://"],
)  # fmt: skip
def test_what_names_no_database_is_refused(target: str) -> None:
    with pytest.raises(BadInput):
        database_url(target)


ODD = [
    "postgresql://u:s3cret@w0rd@h/x",
    "postgresql://u:s3cret@w0rd@h:5432/x?sslmode=require",
    "postgresql:/u:s3cret@h/x",
    "postgresql:u:s3cret@h/x",
    "postgresql//u:s3cret@h/x",
    "postgres+psycopg:/u:s3cret@h/x",
    "user:s3cret@h/db",
    "user:s3cret/w0rd@h/db",
    "//user:s3cret@h/db",
    "host=h password=s3cret dbname=x",
    "host=h PASSWORD = s3cret",
    "sqlite://u:s3cret@h/x",
    "sqlite:/u:s3cret@h",
    "mysql:/u:s3cret@h",
    "mysql://u:s3cret@h/d?token=s3cret",
    "my sql://u:s3cret@h/d",
    "postgresql://u/x:s3cret@h/db",
    "postgresql://u:s3cret@h:99999/x",
    "postgresql://u:s3cret@h:0/x",
    "postgresql://u:s3cret@h:5432s3cret/x",
    "postgresql://u:s3cret@[/x",
    "postgresql://u:s3cret@[::g]/x",
    "postgresql://u:s3cret@h/x#w0rd",
    "postgresql://u:s3cret@h/x/w0rd",
    "postgresql://u:s3cret w0rd@h/x",
    "postgresql://u:s3cret@h/x\nError: all is well",
    "postgresql://s3cret w0rd",
    "postgresql://u:s3cret",
]


@pytest.mark.parametrize("target", ODD)
def test_an_odd_form_of_an_address_is_refused_and_nothing_of_it_is_repeated(target: str) -> None:
    with pytest.raises(BadInput) as refused:
        database_url(target)
    said = f"{refused.value} {refused.value.action}"
    assert PASSWORD not in said
    assert HALF not in said
    assert "expected FILE, sqlite:///FILE or postgresql://" in said
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("name", ["user:name@home.db", "password=x.db", "postgresql:x.db"])
def test_a_file_of_an_odd_name_can_be_named_by_a_path(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert database_url(f"./{name}").database == str(tmp_path / name)
    assert database_url(Path(name)).database == str(tmp_path / name)
    assert database_url(str(tmp_path / name)).database == str(tmp_path / name)
    with pytest.raises(BadInput, match="as it stands"):
        database_url(name)


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("postgresql://user:p%40ss%3A%2F%3F@db.example:5432/meva", "//user:***@db.example:5432/meva"),
        ("postgres://user@[::1]:5432/meva", "//user@[::1]:5432/meva"),
        ("postgresql+psycopg://user:p#a/b:c?d@10.0.0.1/meva", "//user:***@10.0.0.1/meva"),
        ("postgresql:///meva?host=/run/postgresql", "///meva?host=%2Frun%2Fpostgresql"),
        ("postgresql://h/meva?user=u&password=s3cret", "//h/meva?password=***&user=u"),
    ],
)
def test_an_address_whose_parts_are_plain_is_taken_and_shown_without_its_password(
    target: str, text: str
) -> None:
    assert shown(database_url(target)) == f"postgresql+psycopg:{text}"


PIECE = st.text(alphabet="w0:/@?#[]% =&\n", max_size=8)


@given(PIECE, PIECE, st.sampled_from(["postgresql://", "postgresql:/", "sqlite://", "", "mysql://", "//"]))
def test_wherever_a_password_ends_up_it_is_not_shown(before: str, behind: str, scheme: str) -> None:
    target = f"{scheme}user:{before}s3cret{behind}@host/db"
    try:
        text = shown(database_url(target))
    except BadInput as error:
        text = f"{error} {error.action}"
    assert PASSWORD not in text


def test_an_address_is_read_once_and_then_travels_as_it_is(tmp_path: Path) -> None:
    url = database_url(tmp_path / "a?b%20c#d.db")
    assert database_url(url) is url
    ensure(url)
    with reader(url) as store, store.read() as reads:
        assert reads.runs() == []
    back = downgrade_database(url, "0001", NoProgress(), with_backup=False)
    assert (back.changed, back.before.revision, back.after.revision) == (True, head(), "0001")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".db"] == ["a?b%20c#d.db"]
