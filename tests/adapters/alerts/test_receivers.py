"""Receivers: what apprise knows, what may be seen of an address, and that nothing else of it is."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from webhook import webhook

from meva_adapters.alerts import receivers
from meva_core.errors import BadInput
from meva_core.settings import Secret

CANARY = "canary7f3a9"


def named(*urls: str) -> list[str]:
    return [one.name for one in receivers([Secret(url) for url in urls])]


def test_a_message_arrives_with_its_title_and_how_much_it_matters() -> None:
    with webhook() as hook:
        [one] = receivers([Secret(hook.url())])
        assert one.send("mode OBSERVE_ONLY\n<b>1 < 2 & {{x}}</b>\nalert abc", "warning") is None
    [(path, document)] = hook.came
    assert (path, document["title"], document["type"]) == ("/hook", "mode OBSERVE_ONLY", "warning")
    assert document["message"] == "<b>1 < 2 & {{x}}</b>\nalert abc"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("json://127.0.0.1:8099/a", "JSON 127.0.0.1:8099"),
        ("jsons://u:pw@hooks.example.org/a/b?+X-Token=t", "JSON hooks.example.org"),
        ("json://[::1]:8099/a", "JSON [::1]:8099"),
        ("ntfys://user:pw@ntfy.example.org/topic", "ntfy ntfy.example.org"),
        ("ntfy://secrettopic", "ntfy"),  # what stands at the host's place is the topic
        ("gotify://hostname/token123", "Gotify"),
        ("tgram://123456789:ABCdefghijkABCdefghijkABCdefghijk123/12345", "Telegram"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "Discord"),
        ("pover://user@token", "Pushover"),
    ],
)
def test_a_name_tells_the_service_and_a_host_only_where_it_is_one(url: str, name: str) -> None:
    assert named(url) == [name]


def test_receivers_of_one_name_are_counted() -> None:
    urls = [f"json://127.0.0.1:9/{place}" for place in range(3)]
    assert named(*urls) == ["JSON 127.0.0.1:9", "JSON 127.0.0.1:9 (2)", "JSON 127.0.0.1:9 (3)"]


def test_addresses_that_apprise_does_not_know_are_named_by_their_places_alone() -> None:
    urls = [f"{CANARY}://x", "json://127.0.0.1:9/a", f"tgram://{CANARY}", "json://"]
    with pytest.raises(BadInput) as refused:
        named(*urls)
    text = f"{refused.value} {refused.value.action} {refused.value.problems}"
    assert CANARY not in text
    assert str(refused.value).splitlines() == [
        "MEVA_ALERT_URLS: address 1 of 4 is none that apprise knows, or lacks a part",
        "MEVA_ALERT_URLS: address 3 of 4, of tgram://, is none that apprise knows, or lacks a part",
        "MEVA_ALERT_URLS: address 4 of 4, of json://, is none that apprise knows, or lacks a part",
    ]


def test_why_a_message_was_not_taken_is_said_without_the_address() -> None:
    with webhook(lambda before: 500) as hook:
        [one] = receivers([Secret(hook.url(CANARY))])
        why = one.send("title\nbody", "info")
    assert why is not None
    assert "500" in why
    assert CANARY not in why


def test_what_libraries_say_of_a_failure_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin may say what it likes, also in an error that it does not catch."""
    [one] = receivers([Secret(f"json://user:{CANARY}@127.0.0.1:9/path-{CANARY}%20x")])

    def notify(**_: object) -> bool:
        logging.getLogger("apprise").warning("no way to 127.0.0.1:9/path-%s x as user", CANARY)
        return False

    monkeypatch.setattr(one.service(), "notify", notify)
    why = one.send("title\nbody", "info")
    assert why is not None
    assert why.startswith("no way to 127.0.0.1:9/")
    assert CANARY not in why

    def fail(**_: object) -> bool:
        raise ValueError(f"https://x/{CANARY}")

    monkeypatch.setattr(one.service(), "notify", fail)
    assert one.send("title\nbody", "info") == "apprise failed with ValueError"


def test_nothing_of_an_address_is_logged_at_any_level(tmp_path: Path) -> None:
    """urllib3 logs paths, and a path is what a webhook keeps secret."""
    script = tmp_path / "send.py"
    script.write_text(
        "import sys, urllib3\n"
        "from meva_adapters.system.logs import set_up_logs\n"
        "from meva_adapters.alerts import receivers\n"
        "from meva_core.settings import Secret\n"
        "set_up_logs('text', 'DEBUG')\n"
        "urllib3.PoolManager().request('POST', f'http://127.0.0.1:{sys.argv[1]}/seen', body=b'{}')\n"
        "for path in sys.argv[2:]:\n"
        "    [one] = receivers([Secret(f'json://u:{path}@127.0.0.1:{sys.argv[1]}/{path}')])\n"
        "    print(one, one.name, repr(one.send('title\\nbody', 'info')))\n"
    )
    statuses = [200, 200, 500]
    with webhook(lambda before: statuses[before]) as hook:
        command = [sys.executable, str(script), str(hook.port), CANARY, CANARY]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert len(hook.came) == 3
    assert "/seen" in done.stderr  # logs go there
    assert CANARY not in done.stderr + done.stdout
