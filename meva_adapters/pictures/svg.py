"""A picture as SVG: shapes with a class each, which a style sheet colours, and words for those who listen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

COLOURS: Final = (Path(__file__).parent / "colours.css").read_text(encoding="utf-8")
SERIES: Final = ("s0", "s1", "s2", "s3", "s4", "s5", "s6")


class Picture:
    """An SVG of a width and height in its own units, which grows and shrinks with its place.

    `title` names it and `about` says what is seen, for readers of a screen; `name` is its own in a page. One
    that stands `alone` brings its colours along.
    """

    def __init__(
        self, name: str, width: int, height: int, title: str, about: str, *, alone: bool = False
    ) -> None:
        self.width, self.height, self.title = width, height, title
        names = f"{name}-title {name}-about"
        self._root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {width} {height}",
                "class": "meva",
                "role": "img",
                "aria-labelledby": names,
            },
        )
        for tag, name, text in zip(("title", "desc"), names.split(), (title, about), strict=True):
            ET.SubElement(self._root, tag, {"id": name}).text = text
        if alone:
            ET.SubElement(self._root, "style").text = COLOURS

    def text(self, x: float, y: float, text: str, kind: str = "") -> None:
        """Write text from its left end, or as its class says."""
        ET.SubElement(self._root, "text", _attributes(kind, x=x, y=y)).text = text

    def rule(self, x1: float, y1: float, x2: float, y2: float, kind: str = "grid") -> None:
        """Draw a straight line."""
        self._path(f"M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}", kind)

    def box(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        """Fill a rectangle."""
        ET.SubElement(self._root, "rect", _attributes(kind, x=x, y=y, width=width, height=height))

    def line(self, xs: Any, ys: Any, kind: str) -> None:
        """Draw a line through points."""
        if len(xs):
            self._path(_through(xs, ys), kind)

    def area(self, xs: Any, upper: Any, lower: Any, kind: str) -> None:
        """Fill what lies between two lines over the same places."""
        if len(xs):
            self._path(_through(xs, upper) + "L" + _through(xs[::-1], lower[::-1])[1:] + "Z", kind)

    def triangles(
        self, xs: Iterable[float], ys: Iterable[float], kind: str, *, down: bool, size: float
    ) -> None:
        """Mark points with triangles whose tip is the point, in one path."""
        away = -size if down else size
        parts = [
            f"M{_n(x)} {_n(y)}l{_n(size / 2)} {_n(away)}h{_n(-size)}Z" for x, y in zip(xs, ys, strict=True)
        ]
        if parts:
            self._path("".join(parts), kind)

    def path(self, parts: Iterable[str], kind: str) -> None:
        """Draw a path of parts that are written already."""
        if joined := "".join(parts):
            self._path(joined, kind)

    def _repr_svg_(self) -> str:
        """Return what a notebook shows."""
        return str(self)

    def _path(self, d: str, kind: str) -> None:
        ET.SubElement(self._root, "path", {"class": kind, "d": d})

    def __str__(self) -> str:
        """Return the SVG as text that a page may contain."""
        return ET.tostring(self._root, encoding="unicode")


def _attributes(kind: str, **places: float) -> dict[str, str]:
    return {**({"class": kind} if kind else {}), **{name: _n(place) for name, place in places.items()}}


def _through(xs: Any, ys: Any) -> str:
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in zip(xs, ys, strict=True))


def _n(number: float) -> str:
    """Return a place to a tenth of a unit, as short as it goes."""
    return f"{number:.1f}".removesuffix(".0")
