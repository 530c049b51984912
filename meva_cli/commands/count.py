"""`meva count`: how many rows every table of a database has."""

from __future__ import annotations

import click

from meva_cli.database import DB, database, reading
from meva_cli.options import json_option
from meva_cli.render import print_json, print_table


@click.command()
@DB
@json_option
def count(db: str | None, as_json: bool) -> None:
    """Show how many rows every table has, also those that are not Meva's."""
    with reading(database(db)) as reads:
        counts = reads.count()
    if as_json:
        print_json(counts)
    else:
        print_table(["table", "rows"], counts.items())
