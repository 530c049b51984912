"""Where settings come from, and what a message says about the place."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from meva_cli.load import Loaded, load_settings
from meva_core.errors import BadInput
from meva_core.settings import ScoreWeights, Settings


def write(folder: Path, dotenv: str = "", toml: str = "") -> Path:
    """Write the two files of settings, in the bytes given."""
    if dotenv:
        (folder / ".env").write_bytes(dotenv.encode())
    if toml:
        (folder / "meva.toml").write_bytes(toml.encode())
    return folder


def from_files(folder: Path, dotenv: str = "", toml: str = "") -> Loaded:
    """Load from the two files alone."""
    return load_settings({}, {}, write(folder, dotenv, toml))


# -- Precedence -------------------------------------------------------------------------------------------

SOURCES = ("the command line", "the environment", ".env line 1", "meva.toml [stage7]")


@pytest.mark.parametrize("present", range(16))
def test_the_first_source_that_names_a_setting_wins(tmp_path: Path, present: int) -> None:
    has = [bool(present & 1 << place) for place in range(4)]
    write(
        tmp_path,
        dotenv="STAGE7_FEES_BPS=3\n" if has[2] else "# nothing\n",
        toml="[stage7]\nstage7_fees_bps = 4\n" if has[3] else "[stage7]\n",
    )
    options = {"STAGE7_FEES_BPS": "1" if has[0] else None}
    loaded = load_settings(options, {"STAGE7_FEES_BPS": "2"} if has[1] else {}, tmp_path)
    first = has.index(True) if any(has) else None
    assert loaded.settings.stage7.fees_bps == (20 if first is None else first + 1)
    assert loaded.origin.get("STAGE7_FEES_BPS") == (None if first is None else SOURCES[first])


def test_nothing_anywhere_is_all_defaults(tmp_path: Path) -> None:
    assert load_settings({}, {"PATH": "/bin"}, tmp_path) == Loaded(Settings(), {}, {}, [])


def test_the_old_name_of_the_dataset_counts_and_the_new_one_wins_in_its_source(tmp_path: Path) -> None:
    old, new = "BTCTBOT_REPLAY_DATASET", "MEVA_REPLAY_DATASET"
    assert load_settings({}, {old: "a"}, tmp_path).settings.state.replay_dataset == "a"
    assert load_settings({}, {old: "a", new: "b"}, tmp_path).settings.state.replay_dataset == "b"
    write(tmp_path, dotenv=f"{new}=c\n", toml=f"[state]\n{old.lower()} = 'd'\n")
    assert load_settings({}, {old: "a"}, tmp_path).settings.state.replay_dataset == "a"
    assert load_settings({}, {}, tmp_path).settings.state.replay_dataset == "c"


# -- .env -------------------------------------------------------------------------------------------------


def test_a_dotenv_file_is_read_as_it_stands(tmp_path: Path) -> None:
    text = (
        "\ufeff# gates\nexport KILL_SWITCH=false\n\n"
        "SYMBOLS='[\"btc_try\"]'  # one\n"
        'STATE_DB_PATH="${HOME}/a b.db"\r\n'
        "STAGE7_FEES_BPS=4\nSTAGE7_FEES_BPS=4\nOTHER_PROGRAM\n"
    )
    loaded = from_files(tmp_path, text)
    assert loaded.settings.gates.kill_switch is False
    assert loaded.settings.exchange.symbols == ("BTCTRY",)
    assert loaded.settings.state.db_path == "${HOME}/a b.db"
    assert loaded.settings.stage7.fees_bps == 4
    assert loaded.origin["KILL_SWITCH"] == ".env line 2"
    assert loaded.origin["SYMBOLS"] == ".env line 4"
    assert loaded.origin["STAGE7_FEES_BPS"] == ".env line 7"


@pytest.mark.parametrize(
    "text", ['A=1\nB="never closed\n', "A=1\nKILL_SWITCH\n", "A=1\n'KILL_SWITCH=false\n"]
)
def test_a_line_that_is_no_assignment_is_refused_by_its_number(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match=r"\.env line 2: is no assignment"):
        from_files(tmp_path, text)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"SYMBOLS=\xff\n")
    with pytest.raises(BadInput, match=r"\.env: not UTF-8"):
        load_settings({}, {}, tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("STAGE7_FEE_BPS=200", "unknown setting STAGE7_FEE_BPS; did you mean STAGE7_FEES_BPS?"),
        ("export KILLSWITCH=true", "unknown setting KILLSWITCH; did you mean KILL_SWITCH?"),
        ("KILLSWITCH", "unknown setting KILLSWITCH"),
        ("kill_switch=true", "unknown setting kill_switch; did you mean KILL_SWITCH?"),
        ("BTCTURK_ALLOW_HOSTS=evil.example", "BTCTURK_ALLOW_HOSTS is not taken from a file"),
        ("MEVA_CACHE_DIR=cache", "MEVA_CACHE_DIR is taken from the environment alone"),
    ],
)
def test_a_name_that_may_not_be_skipped_is_refused_by_its_line(
    tmp_path: Path, line: str, message: str
) -> None:
    with pytest.raises(BadInput) as caught:
        from_files(tmp_path, f"# first\n{line}\nTTL_SECONDS=0\n")
    assert f".env line 2: {message}" in str(caught.value)
    assert "TTL_SECONDS: '0' from .env line 3" in str(caught.value)


def test_names_of_other_programs_may_stand_in_a_dotenv(tmp_path: Path) -> None:
    loaded = from_files(tmp_path, "DATABASE_URL=x\nTELEGRAM_TOKEN=y\nBTCTURK_TELEGRAM_TOKEN=z\n")
    assert (loaded.settings, loaded.warnings) == (Settings(), [])


def test_the_environment_is_warned_of_and_not_refused(tmp_path: Path) -> None:
    loaded = load_settings({}, {"KILLSWITCH": "true", "PATH": "/bin"}, tmp_path)
    assert loaded.settings == Settings()
    assert [warning.split()[0] for warning in loaded.warnings] == ["KILLSWITCH"]


# -- meva.toml --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("9" * 50_000, "meva.toml: a whole number in it has thousands of digits"),
        ("0x" + "f" * 50_000, "STAGE7_FEES_BPS: '0xfff"),
        ("1." + "9" * 50_000, "STAGE7_FEES_BPS: '1.999"),
        ("1e999999999", "STAGE7_FEES_BPS: '1e999999999'"),
        ("[" * 5_000, "meva.toml: not TOML that is read: nested too deeply"),
    ],
)
def test_a_number_that_no_setting_takes_is_bad_input_in_few_words(
    value: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput) as refused:
        from_files(tmp_path, toml=f"[stage7]\nstage7_fees_bps = {value}\n")
    assert message in str(refused.value)
    assert len(str(refused.value)) < 400


def test_numbers_of_a_toml_file_keep_their_digits(tmp_path: Path) -> None:
    loaded = from_files(
        tmp_path,
        toml="""
        [gates]
        kill_switch = false
        [exchange]
        symbols = ["btc_try", "ETHTRY"]
        [live]
        dry_run_try_balance = 91_999_999_999.99999999
        [stage7]
        stage7_rules_fallback_lot_size = 0.00000003
        stage7_score_weights = { liquidity = 0.1, spread = 1, volatility = "0.00000001" }
        """,
    )
    settings = loaded.settings
    assert settings.gates.kill_switch is False
    assert settings.exchange.symbols == ("BTCTRY", "ETHTRY")
    assert settings.live.dry_run_try_balance == Decimal("91999999999.99999999")
    assert settings.stage7.rules_fallback_lot_size == Decimal("0.00000003")
    assert settings.stage7.score_weights == ScoreWeights(Decimal("0.1"), Decimal(1), Decimal("0.00000001"))
    assert set(loaded.origin.values()) == {
        f"meva.toml [{g}]" for g in ("gates", "exchange", "live", "stage7")
    }


@pytest.mark.parametrize("number", ["1e3", "nan", "inf", "1979-05-27", "[1]"])
def test_what_is_no_plain_number_is_refused(tmp_path: Path, number: str) -> None:
    with pytest.raises(BadInput, match=r"STAGE7_FEES_BPS: .* from meva\.toml \[stage7\]"):
        from_files(tmp_path, toml=f"[stage7]\nstage7_fees_bps = {number}\n")


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            "[stage7]\nstage7_fee_bps = 1",
            r"meva.toml \[stage7\]: unknown key 'stage7_fee_bps'.* 'stage7_fees_bps'",
        ),
        (
            "[exchange]\nbtcturk_allow_hosts = ['evil.example']",
            r"BTCTURK_ALLOW_HOSTS is not taken from a file",
        ),
        ("[stage7]\nSTAGE7_FEES_BPS = 1", r"unknown key 'STAGE7_FEES_BPS'"),
        ("[live]\nkill_switch = true", r"nearest known one is 'kill_switch' under \[gates\]"),
        ("[stage_7]\nx = 1", r"unknown heading \[stage_7\]; the nearest known one is \[stage7\]"),
        ("kill_switch = true", r"unknown heading \[kill_switch\]"),
        ("stage7 = 3", r"unknown heading \[stage7\]"),
        ("[stage7", r"meva.toml: not TOML"),
        ("a = " + "[" * 100_000, r"meva.toml: not TOML"),
    ],
)
def test_what_is_no_setting_is_refused_with_the_nearest_that_is(
    tmp_path: Path, toml: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        from_files(tmp_path, toml=toml)


def test_faults_of_all_sources_come_together(tmp_path: Path) -> None:
    write(tmp_path, dotenv="TTL_SECONDS=0\n", toml="[live]\ntarget = 1\n[stage7]\nstage7_fees_bps = -1\n")
    with pytest.raises(BadInput) as caught:
        load_settings({"STAGE7_FILL_MODEL": "guess"}, {"KILL_SWITCH": "x"}, tmp_path)
    text = str(caught.value)
    assert len(caught.value.problems) == 5
    assert "meva.toml [live]: unknown key 'target'" in text
    assert "TTL_SECONDS: '0' from .env line 1; expected" in text
    assert "STAGE7_FEES_BPS: '-1' from meva.toml [stage7]; expected" in text
    assert "KILL_SWITCH: 'x' from the environment; expected true or false" in text
    assert "STAGE7_FILL_MODEL: 'guess' from the command line; expected one of touch, instant" in text


def test_a_group_that_a_command_does_not_use_does_not_stop_it(tmp_path: Path) -> None:
    environment = {"KILL_SWITCH": "x", "STAGE7_FEES_BPS": "1"}
    assert load_settings({}, environment, tmp_path, {"stage7"}).settings.stage7.fees_bps == 1
