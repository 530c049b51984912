"""Settings of the whole program: the gates, the exchange, the state, alerts."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Any, Final

from attrs import frozen

from meva_core.settings.hosts import Hosts
from meva_core.settings.kinds import NOT_NEGATIVE, Address, Hidden, Interval, Text, Whole
from meva_core.settings.receivers import Receivers
from meva_core.settings.secret import Secret
from meva_core.settings.variables import Variable, check_fields, choice, flag, setting, symbols, whole

LIVE_ACKNOWLEDGEMENT: Final = "I_UNDERSTAND"


class LogLevel(Enum):
    """What is logged, from least to most."""

    CRITICAL = "CRITICAL"
    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"
    DEBUG = "DEBUG"


def _url(name: str, default: str, schemes: str, doc: str) -> Any:
    # No user name and no query in it: these addresses are shown, and paths are put behind them.
    kind = Address(
        rf"(?:{schemes})://[^\s/@?#]+(?:/[^\s@?#]*)?",
        f"an address of a host, with a port up to 65535 if any, without a user name or a query, "
        f"beginning with {schemes.replace('|', ':// or ')}://",
    )
    return setting(Variable(name, kind, default, doc))


def _credential(name: str, doc: str) -> Any:
    kind = Hidden(r"[!-~]{1,512}", "printable ASCII without blanks, as the exchange shows it")
    return setting(Variable(name, kind, None, doc, optional=True))


@frozen(kw_only=True)
class Gates:
    """What may touch an exchange, and whether Stage 7 may run."""

    kill_switch: bool = flag(
        "KILL_SWITCH", True, "blocks every submit and cancel to an exchange; all else goes on"
    )
    dry_run: bool = flag("DRY_RUN", True, "no side effect on the exchange")
    live_trading: bool = flag("LIVE_TRADING", False, "asks for live")
    live_trading_ack: str = setting(
        Variable(
            "LIVE_TRADING_ACK",
            Text(r"[^\x00-\x1f]{0,200}", f"{LIVE_ACKNOWLEDGEMENT} for live, or nothing"),
            "",
            f"must be exactly {LIVE_ACKNOWLEDGEMENT} for live",
        )
    )
    kill_file: str | None = setting(
        Variable(
            "MEVA_KILL_FILE",
            Text(r"[^\x00-\x1f]{1,4096}", "a path"),
            None,
            "while this file is there nothing is sent to an exchange; `meva kill` writes it",
            optional=True,
        )
    )
    stage7_enabled: bool = flag("STAGE7_ENABLED", False, "Stage 7 may run")

    __attrs_post_init__ = check_fields


@frozen(kw_only=True)
class Exchange:
    """Where the exchange is, who we are there, and what we trade."""

    api_key: Secret | None = _credential("BTCTURK_API_KEY", "the key of the exchange account")
    api_secret: Secret | None = _credential("BTCTURK_API_SECRET", "the secret that signs requests")
    base_url: str = _url("BTCTURK_BASE_URL", "https://api.btcturk.com", "https|http", "the REST interface")
    graph_url: str = _url(
        "BTCTURK_GRAPH_URL", "https://graph-api.btcturk.com", "https|http", "the candle history"
    )
    ws_url: str = _url("BTCTURK_WS_URL", "wss://ws-feed-pro.btcturk.com", "wss|ws", "the stream")
    allow_hosts: tuple[str, ...] = setting(
        Variable(
            "BTCTURK_ALLOW_HOSTS",
            Hosts(),
            (),
            "hosts besides the exchange's own and this machine that the key and signatures may be sent to",
            in_files=False,
        )
    )
    symbols: tuple[str, ...] = symbols("SYMBOLS", ("BTCTRY", "ETHTRY", "SOLTRY"), "the configured symbols")
    rules_cache_ttl_sec: int = whole(
        "RULES_CACHE_TTL_SEC",
        300,
        NOT_NEGATIVE,
        "s",
        "how long exchange rules are kept before they are asked for again",
    )
    fills_poll_lookback_minutes: int = whole(
        "FILLS_POLL_LOOKBACK_MINUTES", 30, NOT_NEGATIVE, "min", "the overlap when fills are polled"
    )

    __attrs_post_init__ = check_fields

    @property
    def has_credentials(self) -> bool:
        """Whether both the key and the secret are there."""
        return self.api_key is not None and self.api_secret is not None


@frozen(kw_only=True)
class State:
    """Where things are kept."""

    database_url: Secret | None = setting(
        Variable(
            "MEVA_DATABASE_URL",
            Hidden(r"[a-z][a-z0-9+]*://.*", "an SQLAlchemy URL such as sqlite:///state.db"),
            None,
            "the database; wins over STATE_DB_PATH",
            optional=True,
        )
    )
    db_path: str = setting(
        Variable("STATE_DB_PATH", Text(r"[^\x00]+", "a path"), "btcbot_state.db", "the SQLite file")
    )
    replay_dataset: str | None = setting(
        Variable(
            "MEVA_REPLAY_DATASET",
            Text(r"[^\x00]+", "a path"),
            None,
            "the dataset folder that is used when none is named",
            optional=True,
            old_name="BTCTBOT_REPLAY_DATASET",
        )
    )
    log_level: LogLevel = choice("LOG_LEVEL", LogLevel.INFO, "what is logged")

    __attrs_post_init__ = check_fields


@frozen(kw_only=True)
class Alerts:
    """Who is told what happens to a book, and when of the day how it went."""

    urls: tuple[Secret, ...] = setting(
        Variable(
            "MEVA_ALERT_URLS",
            Receivers(),
            (),
            "the receivers of alerts, each of which is told every one; needs the extra `alerts`",
        )
    )
    summary_hour: int | None = setting(
        Variable(
            "MEVA_ALERT_SUMMARY_HOUR",
            Whole(Interval(low=Decimal(0), high=Decimal(23))),
            None,
            "the hour at which the last 24 hours are summed up in an alert; none: never",
            "h, UTC",
            optional=True,
        )
    )

    __attrs_post_init__ = check_fields
