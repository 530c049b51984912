"""Why the same step of two cycles has two digests: other data, another parameter, or another decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from meva_core.history.settings_apart import Apart, settings_apart, variables_read
from meva_core.market import Market
from meva_core.params import VARIABLES
from meva_core.ports import Reads
from meva_core.settings import with_later

if TYPE_CHECKING:
    from meva_core.stretches.body import ColumnCodec

_DOCUMENTS: Final[dict[str, tuple[str, ...]]] = {
    "settle": (),
    "assess": ("mode_json", "reasons_json"),
    "select": ("universe_scores_json", "selected_universe_json"),
    "plan": ("mode_json", "portfolio_plan_json"),
    "build": ("order_intents_json",),
    "execute": ("order_decisions_json",),
    "account": ("account_json",),
    "adapt": ("param_change_json", "active_param_version"),
}
"""The columns of stage7_cycle_trace that show what a step put out."""
_HAPPENINGS: Final = ("settle", "plan", "execute")
_NAMES: Final = frozenset({"client_order_id", "cycle_id"})
_CLOSES: Final = ("closes", "closes_check", "deviation")
_LOOKBACK: Final = VARIABLES["vol_lookback"]


@frozen
class Cause:
    """A field that differs, with both values; `inputs_equal` is False for data of the market.

    `order_only` says that the field is a list of the same names in another order (`settings_apart`).
    """

    field: str
    a: Any
    b: Any
    inputs_equal: bool
    order_only: bool = False


@frozen
class Explainer:
    """Finds the first differing field of a step in what is stored of two runs: their settings, the documents
    that people read, the columns."""

    reads_a: Reads
    reads_b: Reads
    run_a: str
    run_b: str
    decode: Callable[[str], Any]
    codec: Callable[[], ColumnCodec]

    def explain(self, step: str, cycle_a: str, cycle_b: str) -> Cause:
        """Return the cause: a parameter that the step reads, else the first field of what it put out."""
        if step == "measure":
            return self._measured(cycle_a, cycle_b)
        unknown = Cause("digest", None, None, inputs_equal=True)
        return (
            self._setting(step)
            or self._put_out(step, cycle_a, cycle_b)
            or self._in_columns(step, cycle_a, cycle_b)
            or unknown
        )

    def _measured(self, cycle_a: str, cycle_b: str) -> Cause:
        """Return the cause of a difference in measure: the market itself, a setting, the exchange's rules."""
        setting = self._setting("measure")
        return (
            self._market(cycle_a, cycle_b, setting)
            or setting
            or self._rules()
            or self._in_columns("measure", cycle_a, cycle_b)
            or Cause("digest", None, None, inputs_equal=False)
        )

    def settings(self) -> list[Apart]:
        """Return all settings that differ, those of earlier steps first."""
        found = settings_apart(*map(with_later, self._both("settings_json", {})))
        configured = self._configured()
        if configured is not None and not any(one.name == configured.field for one in found):
            found.insert(0, Apart(configured.field, configured.a, configured.b, "measure", order_only=False))
        return found

    def _setting(self, step: str) -> Cause | None:
        """Return a setting that the step reads and that differs; one of which only the order does last."""
        read = set(variables_read(step))
        a, b = map(with_later, self._both("settings_json", {}))
        found = [apart for apart in settings_apart(a, b) if apart.name in read]
        for apart in found:
            if not apart.order_only:
                return Cause(apart.name, apart.a, apart.b, inputs_equal=True)
        configured = self._configured() if step == "measure" else None
        if configured is not None:
            return configured
        for apart in found:
            if apart.name != "SYMBOLS":  # whose order was never digested
                return Cause(apart.name, apart.a, apart.b, inputs_equal=True, order_only=True)
        return None

    def _configured(self) -> Cause | None:
        """Return SYMBOLS where one run left it to the data: the settings show its default then."""
        a, b = (
            [rule["symbol"] for rule in rules if rule["configured"]] for rules in self._both("rules_json", [])
        )
        symbols_a, symbols_b = self._both("symbols_json", [])
        return Cause("SYMBOLS", a, b, inputs_equal=True) if symbols_a == symbols_b and a != b else None

    def _market(self, cycle_a: str, cycle_b: str, setting: Cause | None) -> Cause | None:
        """Return the first recorded figure that differs, None if none does or the rows do not show it."""
        a = self._document(self.reads_a, "market_json", cycle_a)
        b = self._document(self.reads_b, "market_json", cycle_b)
        # Quiet cycles with `--trace changes` have none; other symbols follow from a setting that names them.
        if a is None or b is None or (setting and a["symbols"] != b["symbols"]):
            return None
        names = [*Market._fields[1:], "symbols"]
        if setting and setting.field == _LOOKBACK:
            names = [name for name in names if name not in _CLOSES]
        seen_a, seen_b = ({name: seen.get(name) for name in names} for seen in (a, b))
        found = first_difference(seen_a, seen_b, "market")
        return Cause(*found, inputs_equal=False) if found else None

    def _rules(self) -> Cause | None:
        found = first_difference(*self._both("rules_json", []), "rules")
        return Cause(*found, inputs_equal=False) if found else None

    def _both(self, column: str, none: Any) -> tuple[Any, Any]:
        """Return a document of both runs' rows."""
        rows = (self.reads_a.run(self.run_a), self.reads_b.run(self.run_b))
        a, b = (self.decode(row[column]) if row and row[column] else none for row in rows)
        return a, b

    def _put_out(self, step: str, cycle_a: str, cycle_b: str) -> Cause | None:
        # A quiet cycle of a run with `--trace changes` has no documents: nothing to compare.
        brief = None in (
            self._document(self.reads_a, "market_json", cycle_a),
            self._document(self.reads_b, "market_json", cycle_b),
        )
        for column in _DOCUMENTS[step]:
            a, b = (
                self._document(reads, column, cycle)
                for reads, cycle in ((self.reads_a, cycle_a), (self.reads_b, cycle_b))
            )
            found = first_difference(a, b, column.removesuffix("_json"))
            if found and not brief:
                return Cause(*found, inputs_equal=True)
        if step in _HAPPENINGS:
            a_events, b_events = (
                list(_events(reads, cycle, self.decode))
                for reads, cycle in ((self.reads_a, cycle_a), (self.reads_b, cycle_b))
            )
            found = first_difference(a_events, b_events, "order_events")
            if found:
                return Cause(*found, inputs_equal=True)
        return None

    def _in_columns(self, step: str, cycle_a: str, cycle_b: str) -> Cause | None:
        """Return the first value of the columns that differs, if both cycles have some."""
        from meva_core.history.in_columns import StoredColumns, first_field  # needed where rows show nothing

        a, b = (
            StoredColumns(reads, run_id, self.decode, self.codec)
            for reads, run_id in ((self.reads_a, self.run_a), (self.reads_b, self.run_b))
        )
        found = first_field(step, a, b, (cycle_a, cycle_b))
        if found is None:
            return None
        return Cause(*found, inputs_equal=not found[0].startswith(("market.", "rules.")))

    def _document(self, reads: Reads, column: str, cycle: str) -> Any:
        rows = reads.rows("stage7_cycle_trace", (column,), where={"cycle_id": cycle})
        text = next(rows, (None,))[0]
        return self.decode(text) if isinstance(text, str) else text


def _events(reads: Reads, cycle: str, decode: Callable[[str], Any]) -> Iterator[dict[str, Any]]:
    """Yield the order events of a cycle without the names that carry the run."""
    columns = ("event_id", "event_type", "payload_json")
    for event_id, kind, payload in reads.rows("stage7_order_events", columns, where={"cycle_id": cycle}):
        order = event_id.partition("-")[2]
        yield {"order": order, "event": kind, **decode(payload)}


def first_difference(a: Any, b: Any, path: str) -> tuple[str, Any, Any] | None:
    """Return (path, value of a, value of b) of the first place where two documents differ, None if nowhere.

    Lists of a document with `symbols` are columns: the path names the symbol.
    """
    if isinstance(a, dict) and isinstance(b, dict):
        return _first_of_objects(a, b, path)
    if isinstance(a, list) and isinstance(b, list):
        for place, (x, y) in enumerate(zip(a, b, strict=False)):
            found = first_difference(x, y, f"{path}[{place}]")
            if found:
                return found
        return (f"{path}.length", len(a), len(b)) if len(a) != len(b) else None
    return (path, a, b) if a != b else None


def _first_of_objects(a: dict[str, Any], b: dict[str, Any], path: str) -> tuple[str, Any, Any] | None:
    symbols = a.get("symbols") if a.get("symbols") == b.get("symbols") else None
    for key in sorted({*a, *b} - _NAMES):
        x, y = a.get(key), b.get(key)
        if symbols and isinstance(x, list) and isinstance(y, list) and len(x) == len(y) == len(symbols):
            for symbol, one, other in zip(symbols, x, y, strict=True):
                if one != other:
                    return f"{path}.{key}[{symbol}]", one, other
        else:
            found = first_difference(x, y, f"{path}.{key}")
            if found:
                return found
    return None
