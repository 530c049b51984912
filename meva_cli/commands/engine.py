"""`meva engine`: the machine code of the engine."""

from __future__ import annotations

import time

import click

from meva_cli.options import json_option
from meva_cli.render import print_json, print_line
from meva_core.errors import BadInput


@click.command()
@json_option
def warm(as_json: bool) -> None:
    """Compile the engine, so that runs find it compiled, and say how long it took.

    Once for each version of Meva; compiled before, it does nothing and says so. The machine code is kept
    below MEVA_CACHE_DIR, else XDG_CACHE_HOME, else ~/.cache.
    """
    from meva_adapters.system.compiled import compiled_loop, engine_name, is_cached, shelf
    from meva_adapters.system.machine_code import can_keep
    from meva_adapters.system.warming import warm as compile_now

    place = shelf()
    if place is None or not can_keep(place):
        raise BadInput(
            f"{place or 'without a home folder there'} is no place to keep machine code in",
            action="set MEVA_CACHE_DIR to a folder that only you can change",
        )
    was_cached = is_cached()
    began = time.perf_counter()
    if not was_cached:
        compile_now(compiled_loop())
    seconds = round(time.perf_counter() - began, 1)
    folder = place / engine_name()
    if as_json:
        print_json({"folder": str(folder), "already_compiled": was_cached, "seconds": seconds})
    elif was_cached:
        print_line(f"already compiled: {folder}")
    else:
        print_line(f"compiled in {seconds} s: {folder}")
