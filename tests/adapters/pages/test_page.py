"""A page as text: what stands in it is told as it is, and only our own scripts run."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.pages.chart_data import packed
from meva_adapters.pages.page import Page, Part, Shown, Table, Tile
from meva_adapters.pictures.svg import Picture

EVIL = '</script><script>alert("x")</script> & <b>'


def everywhere(text: str) -> Page:
    return Page(
        title=text,
        subtitle=text,
        notes=[text],
        tiles=[Tile(text, text, text)],
        parts=[
            Part("part", text, text, [Shown(Picture("p", 1, 1, text, text))], [Table(text, [text], [[text]])])
        ],
        charts={text: {"title": text}},
    )


class Elements(HTMLParser):
    """Collects what a page consists of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def test_a_text_is_nothing_but_text_wherever_it_stands():
    plain, evil = Elements(everywhere("x").html()), Elements(everywhere(EVIL).html())
    assert evil.tags == plain.tags
    assert sum(EVIL in text for text in evil.texts) == sum(text.strip() == "x" for text in plain.texts)


def test_only_the_scripts_of_the_page_may_run():
    html = everywhere("x").html()
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert len(scripts) == 2
    assert "default-src 'none'" in policy[1]
    assert re.findall(r"'sha256-([^']*)'", policy[1]) == digests


def test_nothing_in_it_is_fetched():
    html = everywhere("x").html()
    assert not re.findall(r"<link|<img|<iframe|@import|url\(", html)
    assert not re.findall(
        r"""\b(?:src|href)\s*=\s*["']""", re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    )


def test_the_licence_of_what_draws_stands_beside_it():
    assert "The MIT License (MIT)" in everywhere("x").html()


def unpacked(document):
    whole = np.frombuffer(base64.b64decode(document["int32"]), dtype="<i4")
    return np.where(whole == -(2**31), np.nan, document["base"] + document["step"] * whole)


@given(st.lists(st.one_of(st.just(float("nan")), st.floats(-1e9, 1e9)), max_size=50))
def test_a_packed_series_is_the_same_to_the_eye(values):
    values = np.array(values, dtype=np.float64)
    there = values[np.isfinite(values)]
    off = (there.max() - there.min()) / 2**31 + 1e-6 if len(there) else 0
    assert unpacked(packed(values)) == pytest.approx(values, abs=off, nan_ok=True)
