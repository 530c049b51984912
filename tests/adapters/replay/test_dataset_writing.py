import json
from pathlib import Path

import pytest
from small_dataset import BOOK, build, with_row

from meva_adapters.replay import info, init, open_dataset, validate, write_manifest
from meva_adapters.replay.format.codes import ERRORS, MORE, WARNINGS
from meva_adapters.replay.format.layout import KINDS
from meva_adapters.replay.made_up.scaffold import DEFAULT_SYMBOLS, readme, schema
from meva_core.errors import BadInput

# -- Manifest -----------------------------------------------------------------------------------------


def test_a_manifest_that_was_written_reads_back_and_vouches_for_every_file(tmp_path):
    build(tmp_path)
    (tmp_path / "exchangeinfo.json").write_text('{"symbols": []}')
    written = write_manifest(tmp_path, source="a test", api_version="v2", interval_seconds=60, stamp="open")
    dataset = open_dataset(tmp_path)
    assert dataset.manifest == written
    assert set(written.files) == {
        "candles/BTCTRY.csv",
        "exchangeinfo.json",
        "orderbook/BTCTRY.csv",
        "ticker/BTCTRY.csv",
    }
    assert (written.files["candles/BTCTRY.csv"].rows, written.files["exchangeinfo.json"].rows) == (4, None)
    assert (written.start, written.end) == ("2024-01-01T00:01:00Z", "2024-01-01T00:04:00Z")
    assert dataset.warnings == ()


def test_a_manifest_is_written_anew_over_one_that_no_longer_fits(tmp_path):
    build(tmp_path)
    write_manifest(tmp_path, source="x", api_version="", interval_seconds=60)
    (tmp_path / "ticker" / "BTCTRY.csv").unlink()
    assert not validate(tmp_path).ok
    write_manifest(tmp_path, source="x", api_version="", interval_seconds=60)
    assert validate(tmp_path).ok


def test_no_manifest_vouches_for_broken_data(tmp_path):
    build(tmp_path, orderbook=with_row(BOOK, 3, "2024-01-01T00:02:00Z,x,2,1,1"))
    with pytest.raises(BadInput, match="best_bid"):
        write_manifest(tmp_path, source="x", api_version="", interval_seconds=60)
    assert not (tmp_path / "manifest.json").exists()


def test_unknown_words_in_a_manifest_are_passed_over(tmp_path):
    build(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"source": "me", "weather": "rain", "interval": None}))
    manifest = open_dataset(tmp_path).manifest
    assert manifest is not None
    assert (manifest.source, manifest.stamp, manifest.interval_seconds, dict(manifest.files)) == (
        "me",
        "close",
        None,
        {},
    )


# -- A new folder -------------------------------------------------------------------------------------


def test_a_new_dataset_can_be_run_at_once(tmp_path):
    root = init(tmp_path / "new", minutes=60)
    report = validate(root)
    assert report.ok
    assert report.symbols == DEFAULT_SYMBOLS
    assert {path.name for path in root.iterdir()} == {
        *KINDS,
        "README.md",
        "schema.json",
        "exchangeinfo.json",
        "manifest.json",
    }


def test_an_empty_dataset_has_the_layout_and_says_that_data_are_missing(tmp_path):
    root = init(tmp_path / "new", empty=True)
    assert [fault.code for fault in validate(root).errors] == ["no_symbols"]
    build(root)
    assert validate(root).ok


def test_a_folder_in_use_is_not_taken(tmp_path):
    build(tmp_path)
    for empty in (True, False):
        with pytest.raises(BadInput, match="not empty"):
            init(tmp_path, empty=empty)
    assert validate(tmp_path).ok


def test_readme_and_schema_name_every_column(tmp_path):
    root = init(tmp_path / "new", empty=True)
    assert (root / "README.md").read_text() == readme()
    assert json.loads((root / "schema.json").read_text()) == schema()
    for kind in KINDS.values():
        assert ",".join(kind.columns) in readme()
        assert [column["name"] for column in schema()[kind.folder]["columns"]] == [
            *kind.columns,
            *kind.optional,
            "known",
        ]


def test_the_reference_names_every_column_and_every_fault():
    text = (Path(__file__).parents[3] / "docs" / "reference" / "dataset.md").read_text()
    for kind in KINDS.values():
        assert ",".join(kind.columns) in text
        assert ",".join(kind.optional) in text
    for code, meaning in (ERRORS | WARNINGS).items():
        assert f"| `{code}` | {meaning} |\n" in text
    assert text.count("\n| `") == len(ERRORS) + len(WARNINGS)
    assert f"`{MORE}`" in text


# -- Description --------------------------------------------------------------------------------------


def test_a_dataset_is_described(tmp_path):
    build(tmp_path)
    build(tmp_path, "ETHTRY", orderbook=BOOK + "2024-01-01T01:00:00Z,1,2,3,4\n")
    write_manifest(tmp_path, source="a test", api_version="v2", interval_seconds=60)
    found = info(tmp_path)
    assert (found.symbols, found.rows, found.step_seconds) == (("BTCTRY", "ETHTRY"), 25, 60)
    assert (found.start, found.end) == ("2024-01-01T00:01:00Z", "2024-01-01T01:00:00Z")
    assert (found.source, found.api_version, found.stamp) == ("a test", "v2", "close")
    assert (found.has_ticker, found.has_exchangeinfo, found.warnings) == (True, False, 1)
    assert found.sha256 == open_dataset(tmp_path).sha256
    book = next(file for file in found.files if file.file == "orderbook/ETHTRY.csv")
    assert (book.rows, book.first, book.last) == (5, "2024-01-01T00:01:00Z", "2024-01-01T01:00:00Z")
    assert (book.gaps, book.longest_gap_seconds, book.step_seconds) == (1, 56 * 60, 60)
    assert book.size_bytes == (tmp_path / "orderbook" / "ETHTRY.csv").stat().st_size
    assert [file.file for file in found.files] == sorted(file.file for file in found.files)


def test_a_broken_dataset_is_not_described(tmp_path):
    with pytest.raises(BadInput):
        info(tmp_path / "nowhere")
