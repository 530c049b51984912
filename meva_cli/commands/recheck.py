"""`meva recheck`: cycles of Stages 3 and 4, decided again by what is stored of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from meva_cli.database import DB, database, reading
from meva_cli.load import settings_for
from meva_cli.options import COUNT, json_option
from meva_cli.render import as_text, counted, print_json, print_line, print_pairs
from meva_cli.strategies.options import hosting
from meva_core.errors import BadInput, StoreUnready

if TYPE_CHECKING:
    from meva_core.operating.records.stored_cycles import StoredCycle
    from meva_core.operational.recheck import Difference
    from meva_core.ports import Reads
    from meva_core.strategy import Strategy

_LAST = 100


@click.command()
@DB
@click.option("--last", type=COUNT, default=_LAST, show_default=True, help="Only so many of its last cycles.")
@click.option(
    "--book",
    metavar="NAME",
    help="Whose cycles: live, stage3-dry or stage4-dry.  [default: the one of these written last]",
)
@json_option
@click.pass_context
def recheck(ctx: click.Context, db: str | None, last: int, book: str | None, as_json: bool) -> None:
    """Decide the last cycles of Stages 3 and 4 again by what is stored of them, and compare.

    What a cycle was decided by is stored with what was decided. No network and no key are needed, but the
    strategies of those cycles, as they were: same version, parameters and source. The digests and the link
    to the cycle before are reckoned again, too; the orders that were sent are compared with what was decided
    (step `orders`), and first of all the row of the book with its own SHA-256. Exit code 0: all is equal. 1:
    something differs; the first cycle, step and field are named with both values, or what is damaged. 2:
    there is no cycle, or a strategy is not at hand.
    """
    from meva_core.errors import StoreCorrupt

    name = book or "live"
    try:
        with reading(database(db)) as reads, hosting():
            name = book or _newest(reads) or name
            _check_row(reads, name)
            report = _checked(reads, name, last)
    except StoreCorrupt as error:
        report = {"book": name, "equal": False, "damage": str(error), "action": error.action}
    print_json(report) if as_json else _print(report)
    ctx.exit(0 if report["equal"] else 1)


def _newest(reads: Reads) -> str | None:
    """Return the book of Stages 3 and 4 that was written last, None where there is none."""
    from meva_core.live_history.books import listed_books

    return next((one.name for one in listed_books(reads)), None)


def _check_row(reads: Reads, book: str) -> None:
    """Raise StoreCorrupt where the row of a book is not what was stored, or its last cycle another."""
    from meva_core.live_history.books import listed_books, standing
    from meva_core.operating.records.stored_cycles import check_head

    for listed in listed_books(reads):
        if listed.name == book:
            check_head(reads, standing(reads, listed).book)


def _checked(reads: Reads, book: str, last: int) -> dict[str, Any]:
    """Return what was found, as `--json` shows it: of the cycles up to the first that differs."""
    from meva_adapters.text_codec import ZstdTexts
    from meva_core.operating.records.stored_cycles import orders_apart, stored_cycles

    at_hand = _AtHand()
    first: StoredCycle | None = None
    cycle: StoredCycle | None = None
    found: Difference | None = None
    count = interrupted = 0
    for cycle in stored_cycles(reads, book, ZstdTexts(), last=last):
        first = first or cycle
        count, interrupted = count + 1, interrupted + (cycle.link is None)
        found = _difference(cycle, at_hand) or next(orders_apart(reads, cycle), None)
        if found is not None:
            break
    if first is None or cycle is None:
        raise _no_cycle(reads, book)
    return {
        "book": book,
        "equal": found is None,
        "cycles": count,
        "interrupted": interrupted,
        "from": first.ts,
        "to": cycle.ts,
        "link": cycle.link or cycle.previous,
        "difference": None
        if found is None
        else {
            "cycle_id": cycle.cycle,
            "recorded_by": cycle.code_version,
            "step": found.step,
            "field": found.field,
            "stored": found.stored,
            "decided": found.again,
        },
    }


def _difference(cycle: StoredCycle, at_hand: _AtHand) -> Difference | None:
    from meva_core.operating.records.stored_cycles import difference

    strategies = {identity["id"]: at_hand.of(cycle, identity) for identity in _identities(cycle)}
    try:
        return difference(cycle, strategies)
    except BadInput as error:
        raise BadInput(
            f"cycle {cycle.cycle}, decided by meva {cycle.code_version}, cannot be by this one: {error}",
            action=error.action or f"decide it again with meva {cycle.code_version}",
        ) from error


def _identities(cycle: StoredCycle) -> list[Mapping[str, Any]]:
    """Return what the strategies of a cycle were."""
    return [listed["identity"] or {"id": listed["id"]} for listed in cycle.strategies]


class _AtHand:
    """The strategies of stored cycles, each loaded once."""

    def __init__(self) -> None:
        self._places = settings_for("strategy").settings.strategy.path
        self._loaded: dict[str, Strategy] = {}

    def of(self, cycle: StoredCycle, identity: Mapping[str, Any]) -> Strategy:
        """Return the strategy with this identity. Raises BadInput where it, as it was, is not at hand."""
        from meva_core.ids import canonical_json

        key = canonical_json(identity)
        if key not in self._loaded:
            self._loaded[key] = self._load(cycle, identity)
        return self._loaded[key]

    def _load(self, cycle: StoredCycle, identity: Mapping[str, Any]) -> Strategy:
        from meva_adapters.strategies.files import places_of
        from meva_adapters.strategies.listed import NotAtHand, load_listed

        name = identity["id"]
        missing = f"cycle {cycle.cycle}: its strategy {name} is not at hand"
        try:
            found = load_listed(name, identity.get("parameters", {}), places=places_of(self._places))
        except NotAtHand as error:
            folder = "a folder of MEVA_STRATEGY_PATH"
            action = f"put its file, as it was when the cycle ran, into {folder}, then recheck"
            raise BadInput(f"{missing}: {error}", action=action) from error
        except BadInput as error:
            action = error.action or "put it where it was when the cycle ran"
            raise BadInput(f"{missing}: {error}", action=action) from error
        for part, was in identity.items():
            if (now := found.identity.get(part)) != was:
                raise BadInput(
                    f"cycle {cycle.cycle}: its strategy {name} is not at hand as it was: its {part} was "
                    f"{_short(was)} and is {_short(now)}",
                    action="put it back as it was when the cycle ran, then recheck",
                )
        return found.strategy


def _short(value: Any) -> str:
    return str(value)[:60]


def _no_cycle(reads: Reads, book: str) -> BadInput | StoreUnready:
    names = [name for (name,) in reads.rows("live_books", ("book",))]
    if book in names:
        return StoreUnready(f"book {book} has no cycle yet", action="run one, then recheck")
    if not names:
        return StoreUnready(
            "there is no book of Stages 3 or 4 in this database", action="name another database with --db"
        )
    return BadInput(
        f"there is no book {book!r}; there are {', '.join(names)}", action="name one of them with --book"
    )


def _print(report: dict[str, Any]) -> None:
    if "damage" in report:
        click.echo(f"Error: {report['damage']}\nTo do: {report['action']}", err=True)
        return
    if report["equal"]:
        more = f", {report['interrupted']} interrupted" if report["interrupted"] else ""
        span = f"{as_text(report['from'])} to {as_text(report['to'])}"
        link = f", link {report['link']}" if report["link"] else ""
        print_line(
            f"equal: {counted(report['cycles'], 'cycle')} of book {report['book']}{more}, {span}{link}"
        )
        return
    print_pairs({name: report[name] for name in ("book", "equal", "cycles")})
    print_pairs({f"difference.{name}": as_text(value) for name, value in report["difference"].items()})
