"""`meva parity`: do two recorded runs agree?"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import click

from meva_cli.database import address_of
from meva_cli.options import AMOUNT, TIME, json_option
from meva_cli.render import as_text, print_json, print_line, print_pairs
from meva_core.errors import BadInput

_AGAIN = "a run without columns keeps too little, so record it again for the field"


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--start", type=TIME, help="Compare cycles from here.")
@click.option("--end", type=TIME, help="Compare cycles up to here.")
@click.option("--run-a", metavar="ID", help="The run of A.  [default: its last one]")
@click.option("--run-b", metavar="ID", help="The run of B.  [default: its last one]")
@click.option(
    "--quantize-try", type=AMOUNT, help="Compare the stored rows, TRY amounts rounded to multiples of this."
)
@click.option(
    "--include-adaptation/--no-include-adaptation", default=False, help="Compare what adaptation did, too."
)
@click.option("--explain", is_flag=True, help="Say in words what the first difference means.")
@json_option
@click.pass_context
def parity(
    ctx: click.Context,
    a: str,
    b: str,
    start: int | None,
    end: int | None,
    run_a: str | None,
    run_b: str | None,
    quantize_try: Decimal | None,
    include_adaptation: bool,
    explain: bool,
    as_json: bool,
) -> None:
    """Compare the recorded runs of two databases, A and B, cycle by cycle and step by step.

    Exit code 0 if they are equal, 1 if they differ, 2 if they cannot be compared. The first difference names
    cycle, step and field with both values, and whether the data already differed or only a setting or a
    decision.

    Our own runs compare by the links of their fingerprints, and where these part by the digests of the steps
    and by what is stored of the cycle, down to one field. Cycles of the earlier system have none, and on a
    grid (--quantize-try) digests cannot decide: these compare by their stored rows, mode, scores, plan,
    intents, orders with what happened to them, fills, holdings and ledger. The verdict says what was
    compared, what was not, which settings differ, and both equities at the end of the window.
    """
    from meva_adapters.codec import CODEC
    from meva_adapters.sql import reader
    from meva_cli.runs import pick_run
    from meva_core.history.parity import parity as compare
    from meva_core.history.verdict import Side, Span

    if quantize_try is not None and quantize_try <= 0:
        raise BadInput(f"--quantize-try: {quantize_try} is not above zero")
    span = Span(_moment(start), _moment(end))
    url_a, url_b = address_of(a), address_of(b)
    with reader(url_a) as one, reader(url_b) as other, one.read() as reads_a, other.read() as reads_b:
        verdict = compare(
            Side(reads_a, pick_run(reads_a, run_a)),
            Side(reads_b, pick_run(reads_b, run_b)),
            span,
            CODEC.decode,
            CODEC.columns,
            include_adaptation=include_adaptation,
            quantize=quantize_try,
        )
    document = attrs.asdict(verdict)
    if as_json:
        print_json(document)
    else:
        _print(document, explain)
    ctx.exit(0 if verdict.equal else 1)


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _print(document: dict[str, Any], explain: bool) -> None:
    difference = document.pop("first_difference")
    apart = {one["name"]: one for one in document.pop("differing_settings")}
    # Next to the verdict stands of what it is one; a fingerprint that rows do not have is not shown empty.
    head = {"equal": document.pop("equal")}
    head |= {name: "; ".join(document.pop(name)) for name in ("compared", "not_compared")}
    print_pairs(head | {name: value for name, value in document.items() if value is not None})
    print_pairs({f"setting.{name}": _both(one) for name, one in apart.items()})
    if difference is None:
        return
    print_pairs({f"first_difference.{name}": value for name, value in difference.items()})
    if explain:
        one = apart.get(difference["field"])
        print_line(in_words(difference, order_only=one is not None and one["order_only"]))


def _both(apart: dict[str, Any]) -> str:
    """Return both values of a setting."""
    values = f"{as_text(apart['a'])} in A, {as_text(apart['b'])} in B"
    return f"{values} (only the order differs)" if apart["order_only"] else values


def in_words(difference: dict[str, Any], *, order_only: bool = False) -> str:
    """Return what a first difference means; `order_only`: its field is a list of the same names."""
    a, b = (as_text(difference[side]) or "nothing" for side in ("a", "b"))
    values = f"{a} in A and {b} in B"
    if order_only:
        return (
            f"Only the order of {difference['field']} differs: {values}, as it was written for a version "
            "that did not sort it. The names are the same, and so is what all steps after measure did."
        )
    moment = f"{difference['cycle_ts']:%Y-%m-%d %H:%M:%S} UTC"
    place = "the stored rows" if difference["step"] == "stored" else f"step {difference['step']}"
    where = f"Before {moment} the runs agree. There, in {place},"
    if difference["field"] == "cycle_ts":
        return f"{where} the runs have other cycle times: {values}."
    if difference["inputs_equal"] is None:
        return f"{where} {difference['field']} is {values}. The rows do not show whether the data were equal."
    if difference["inputs_equal"] is False and difference["field"] == "digest":
        return f"{where} the data differ, but not in what is stored of them: {_AGAIN}."
    if not difference["inputs_equal"]:
        return f"{where} the data differ: {difference['field']} is {values}. The runs saw other markets."
    if difference["field"].isupper() or difference["field"] in ("seed", "include_adaptation"):
        return f"{where} a setting differs: {difference['field']} is {values}. The data are equal so far."
    if difference["field"] == "digest":
        return (
            f"{where} the decisions differ, but not in what is stored of them: {_AGAIN}. The data are "
            "equal so far."
        )
    return f"{where} a decision differs: {difference['field']} is {values}. The data are equal so far."
