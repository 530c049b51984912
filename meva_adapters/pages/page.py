"""A page out of its parts: text, tables and pictures, and the data that scripts draw anew."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from meva_adapters.pictures.svg import COLOURS, Picture

_HERE: Final = Path(__file__).parent


@frozen
class Tile:
    """A figure that stands out: its name, its value, and what is to be said beside it."""

    name: str
    value: str
    more: str = ""


@frozen
class Table:
    """Rows under named columns; those of `numbers`, by place, are right-aligned. A `folded` one is opened by
    whoever wants to see it."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    folded: bool = False


@frozen
class Shown:
    """A picture, and the names of the charts that a script draws in its place, if any."""

    picture: Picture
    charts: Sequence[str] = ()

    @property
    def title(self) -> str:
        """What the picture is called."""
        return self.picture.title

    @property
    def svg(self) -> Markup:
        """The picture as it goes into the page: its text is escaped already."""
        return Markup(str(self.picture))  # noqa: S704 - made by an XML writer


@frozen
class Part:
    """A section of the page."""

    name: str
    title: str
    text: str = ""
    pictures: Sequence[Shown] = ()
    tables: Sequence[Table] = ()


@frozen(kw_only=True)
class Page:
    """Everything on a page. `charts` are the documents that the script draws, by name; `bands` the times of
    restricted modes: from, until and kind."""

    title: str
    subtitle: str
    notes: Sequence[str] = ()
    tiles: Sequence[Tile] = ()
    parts: Sequence[Part] = ()
    charts: Mapping[str, Any] = field(factory=dict)
    bands: Sequence[tuple[float, float, str]] = ()

    def html(self) -> str:
        """Return the page as text, in UTF-8 when written."""
        scripts = [_asset("uplot/uPlot.iife.min.js"), _asset("report.js")]
        styles = [COLOURS, _asset("uplot/uPlot.min.css"), _asset("report.css")]
        template = _environment().get_template("report.html")
        return template.render(
            r=self,
            scripts=[Markup(script) for script in scripts],  # noqa: S704 - our own files
            styles=Markup("\n".join(styles)),  # noqa: S704
            licence=_asset("uplot/LICENSE"),
            data=Markup(_in_script({"bands": self.bands, "charts": self.charts})),  # noqa: S704
        )


def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    made.filters["policy"] = _policy
    return made


def _policy(script: str) -> Markup:
    """Return what lets this very script run, and no other (Content Security Policy, level 2)."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Markup(f"'sha256-{digest}'")  # noqa: S704


def _in_script(document: Mapping[str, Any]) -> str:
    """Return JSON that may stand in a script element: nothing in it ends that."""
    return json.dumps(document, separators=(",", ":")).replace("<", "\\u003c")
