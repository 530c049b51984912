"""Scrapes: real ones, over HTTP, read by real parsers."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from scraped import text_of, value_in

from meva_adapters.metrics import vocabulary as v
from meva_adapters.metrics.meters import Meters
from meva_adapters.metrics.serving import serving, shown_address
from meva_core.errors import BadInput


@pytest.fixture
def page(meters: Meters) -> Iterator[str]:
    meters.set(v.EQUITY, 99761.69416964)
    meters.add(v.CYCLES, 3, outcome="answered")
    meters.observe(v.CYCLE_SECONDS, 0.3, part="store")
    with serving(meters, "127.0.0.1", 0) as address:
        yield address


def port_of(page: str) -> int:
    return int(page.rsplit(":", 1)[1].partition("/")[0])


def test_a_scrape_shows_what_there_is_now(page: str, meters: Meters) -> None:
    reply = requests.get(page, timeout=60)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    assert value_in(reply.text, "meva_equity_try") == 99761.69416964
    meters.set(v.EQUITY, 1.0)
    assert value_in(requests.get(page, timeout=60).text, "meva_equity_try") == 1.0


def test_openmetrics_is_told_to_whoever_asks_for_it(page: str) -> None:
    asked = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
    reply = requests.get(page, headers=asked, timeout=60)
    assert reply.headers["Content-Encoding"] == "gzip"
    found = {family.name: family for family in openmetrics(reply.text)}
    assert found["meva_cycles"].type == "counter"
    assert [sample.value for sample in found["meva_cycles"].samples] == [3.0]


def test_there_is_one_page_and_it_is_only_read(page: str) -> None:
    at = page.removesuffix("/metrics")
    assert requests.get(at + "/", timeout=60).status_code == 404
    assert requests.get(page + "/more", timeout=60).status_code == 404
    assert requests.post(page, timeout=60).status_code == 405
    assert requests.get(page + "?name[]=meva_equity_try", timeout=60).status_code == 200


def test_no_web_page_may_read_it_out_of_a_browser(page: str) -> None:
    reply = requests.get(page, headers={"Origin": "http://elsewhere.test"}, timeout=60)
    assert "Access-Control-Allow-Origin" not in reply.headers


@pytest.mark.parametrize("name", ["evil.test", "evil.test:9751", "", "127.0.0.1.evil.test", "["])
def test_a_name_that_a_web_page_gave_our_address_is_turned_away(page: str, name: str) -> None:
    assert requests.get(page, headers={"Host": name}, timeout=60).status_code == 403
    for ours in ("localhost:1", "127.0.0.1", "[::1]:9751"):
        assert requests.get(page, headers={"Host": ours}, timeout=60).status_code == 200


def test_whoever_listens_for_others_is_asked_by_any_name(meters: Meters) -> None:
    with serving(meters, "0.0.0.0", 0) as page:
        at = f"http://127.0.0.1:{port_of(page)}/metrics"
        assert requests.get(at, headers={"Host": "meva:9751"}, timeout=60).status_code == 200


def test_a_visitor_who_says_nothing_keeps_nobody_waiting(page: str) -> None:
    with socket.create_connection(("127.0.0.1", port_of(page))):
        assert requests.get(page, timeout=60).status_code == 200


def test_a_port_that_is_taken_is_refused_and_named(page: str, meters: Meters) -> None:
    port = port_of(page)
    with pytest.raises(BadInput, match=f"127.0.0.1:{port}: another program listens there") as caught:
        serving(meters, "127.0.0.1", port).__enter__()
    assert "choose another port" in caught.value.action


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_ours_is_refused(meters: Meters, host: str) -> None:
    with pytest.raises(BadInput, match=f"--metrics {host}:9751"):
        serving(meters, host, 9751).__enter__()


def test_the_port_is_free_again_afterwards(meters: Meters) -> None:
    with serving(meters, "127.0.0.1", 0) as page:
        port = port_of(page)
    with serving(meters, "127.0.0.1", port) as page:
        assert requests.get(page, timeout=60).status_code == 200


def test_ipv6_is_listened_at_and_written_as_usual(meters: Meters) -> None:
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serving(meters, "::1", 0) as page:
        assert page.startswith("http://[::1]:")
        assert requests.get(page, timeout=60).text == text_of(meters)
    assert shown_address("127.0.0.1", 9751) == "127.0.0.1:9751"
