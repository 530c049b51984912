"""What is told of strategies: which there are, and what checking one found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from meva_cli.render import counted, print_line, print_pairs
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_adapters.strategies.checks.checking import Report
    from meva_adapters.strategies.loading import Chosen
    from meva_core.strategy.base import Strategy
    from meva_core.strategy.checking.piece import Piece

LABELS: Final = {
    "opens_nothing": "Opens nothing",
    "answers": "Answers",
    "no_look_ahead": "No look-ahead",
    "enough_history": "Enough history",
    "determinism": "Determinism",
    "windows": "Windows",
    "symbols": "Symbols",
    "dates": "Dates",
    "speed": "Speed",
}
WORDS: Final = {"passed": "passed", "nearly": "nearly", "failed": "FAILED", "not_checked": "not checked"}
CANNOT_FIND: Final = (
    "What no check can find: parameters that were chosen on the same data, figures learnt elsewhere and",
    "written in, and what lies in data that were not looked at.",
)


def check_document(
    chosen: Chosen, tape: Piece, report: Report, universe_size: int, folder: str
) -> dict[str, Any]:
    """Return what checking a strategy found, as `--json` shows it."""
    from meva_core.ids import told_time
    from meva_core.strategy.wished import universe_note

    most = report.most_wished_for
    note = None if most is None else universe_note(most, universe_size)
    return {
        "ok": report.ok,
        "strategy": dict(chosen.identity),
        "dataset": folder,
        "symbols": list(tape.symbols),
        "cycles": len(tape.time),
        "start": told_time(int(tape.time[0])),
        "end": told_time(int(tape.time[-1])),
        "checks": [_as_json(finding) for finding in report.findings],
        "most_wished_for": most,
        "notes": [] if note is None else [note],
        "cannot_find": " ".join(CANNOT_FIND),
    }


def _as_json(finding: Any) -> dict[str, Any]:
    from meva_core.ids import told_time

    found: dict[str, Any] = attrs.asdict(finding)
    for name in ("weight", "otherwise"):
        found[name] = None if found[name] is None or found[name] != found[name] else repr(found[name])
    found["cycle"] = None if finding.cycle is None else told_time(finding.cycle)
    return found


def print_check(document: Mapping[str, Any]) -> None:
    """Print what checking a strategy found, for people: one page."""
    from meva_core.strategy.base import identity_text

    said = document["strategy"]
    bars = f", bars {said['bars']}" if said["bars"] else ""
    print_line(f"Strategy {identity_text(said)}{bars}")
    span = f"{document['start']} to {document['end']}"
    symbols = counted(len(document["symbols"]), "symbol")
    print_line(f"over {counted(document['cycles'], 'cycle')} of {symbols}, {span}")
    print_line()
    print_pairs({LABELS[one["name"]]: f"{WORDS[one['status']]}: {one['said']}" for one in document["checks"]})
    print_line()
    for note in document["notes"]:
        print_line(f"Note: {note}.")
    bad = [LABELS[one["name"]] for one in document["checks"] if one["status"] == "failed"]
    verdict = f"Do not trust its results: {', '.join(bad)}." if bad else "Nothing speaks against it."
    print_line(verdict)
    for line in CANNOT_FIND:
        print_line(line)


def listed(places: Sequence[Path], tables: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield every strategy that an id names, with its parameters and bounds; `problem` says why
    one cannot be loaded, or named."""
    from meva_adapters.strategies.available import available
    from meva_core.strategy.built_in import OF_LIVE_STAGES

    yield {
        "id": "equal_weight",
        "version": None,
        "bars": None,
        "doc": "Equal parts of the best pairs: what Stage 7 does without a strategy.",
        "parameters": [],
        "answers": None,
        "from": "the engine",
        "problem": None,
    }
    for name, kind in OF_LIVE_STAGES.items():
        about = _described(kind, tables.get(name, {}))
        given = {"answers": "orders", "from": "built in, for Stages 3 and 4", "problem": None}
        yield {"id": name, **about, **given}
    found = sorted(available(places), key=lambda one: (one.id, one.where))
    ids = [one.id for one in found]
    for one in found:
        base: dict[str, Any] = dict.fromkeys(
            ("id", "version", "bars", "doc", "parameters", "answers", "from")
        )
        base |= {"id": one.id, "doc": "", "parameters": [], "from": one.where}
        twice = f"{one.id} is the id of two: name this one as {one.where}" if ids.count(one.id) > 1 else None
        try:
            kind = one.loaded()
        except BadInput as error:
            yield {**base, "problem": str(error)}
            continue
        yield {**base, **_described(kind, tables.get(kind.name(), {})), "problem": twice}


def _described(kind: type[Strategy], table: Mapping[str, Any]) -> dict[str, Any]:
    from meva_core.strategy.base import expected, fields_of

    parameters = [
        {
            "name": name,
            "default": attribute.default,
            "expected": expected(attribute),
            "least": attribute.metadata["least"],
            "most": attribute.metadata["most"],
            "doc": attribute.metadata["doc"],
            "in_meva_toml": table.get(name),
        }
        for name, attribute in fields_of(kind).items()
    ]
    doc = (kind.__doc__ or "").strip().split("\n")[0]
    found = {"version": kind.version, "bars": _bars_of(kind), "doc": doc, "parameters": parameters}
    return {**found, "answers": "decide" if kind.decides() else "weights"}


def _bars_of(kind: type[Strategy]) -> str | None:
    """Return the bars that it looks at: where they follow from its parameters, at their defaults."""
    bars: object = kind.bars
    return bars if bars is None or isinstance(bars, str) else kind().bars
