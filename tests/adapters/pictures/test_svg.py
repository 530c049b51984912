"""SVG that a page may contain, whatever its texts say."""

from xml.etree import ElementTree as ET

from meva_adapters.pictures.svg import Picture

SVG = "{http://www.w3.org/2000/svg}"


def test_it_is_named_and_described_for_those_who_listen():
    root = ET.fromstring(str(Picture("equity", 10, 20, "Equity", "It fell.")))
    assert root.attrib["role"] == "img"
    told = {element.attrib["id"]: element.text for element in root if "id" in element.attrib}
    assert [told[name] for name in root.attrib["aria-labelledby"].split()] == ["Equity", "It fell."]


def test_text_is_text_and_nothing_else():
    picture = Picture("x", 10, 20, "<script>", "a & b")
    picture.text(1, 2, "</svg><b>")
    root = ET.fromstring(str(picture))
    assert [element.text for element in root] == ["<script>", "a & b", "</svg><b>"]


def test_colours_come_along_only_where_it_stands_alone():
    assert "<style>" in str(Picture("x", 1, 1, "", "", alone=True))
    assert "<style>" not in str(Picture("x", 1, 1, "", ""))


def test_what_has_no_points_is_not_drawn():
    picture = Picture("x", 10, 20, "", "")
    picture.line([], [], "line")
    picture.area([], [], [], "area")
    picture.triangles([], [], "buy", down=False, size=5)
    picture.path([], "up")
    assert ET.fromstring(str(picture)).findall(f"{SVG}path") == []


def test_a_tip_is_at_the_point_and_below_it_the_base_or_above():
    picture = Picture("x", 10, 20, "", "")
    picture.triangles([3.0], [4.0], "buy", down=False, size=6)
    picture.triangles([3.0], [4.0], "sell", down=True, size=6)
    paths = [path.attrib["d"] for path in ET.fromstring(str(picture)).findall(f"{SVG}path")]
    assert paths == ["M3 4l3 6h-6Z", "M3 4l3 -6h-6Z"]
