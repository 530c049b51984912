"""Receivers of alerts: an address in the notation of apprise each, and what people may see of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from attrs import field, frozen

from meva_adapters.alerts.unheard import unheard
from meva_core.errors import BadInput, Problem
from meva_core.settings import Secret
from meva_core.settings.variables import refuse_all

if TYPE_CHECKING:
    from apprise import Apprise, AppriseAsset

SETTING: Final = "MEVA_ALERT_URLS"
_LONGEST: Final = 200
_SHORTEST: Final = 3
"""Shorter parts of an address hide nothing, and would be found in every word."""
_HOST: Final = re.compile(r"localhost|[0-9.]{7,15}|\[?[0-9a-fA-F:]*:[0-9a-fA-F:.]+\]?|[\w-]+(?:\.[\w-]+)+\.?")


@frozen
class Receiver:
    """Somebody who is told of things; `name` may be shown."""

    name: str
    _service: Apprise = field(repr=False)
    _hidden: tuple[str, ...] = field(repr=False)

    def send(self, text: str, severity: str) -> str | None:
        """Send a text, whose first line is its title; return None where it was taken, else why not.

        `severity` is `info`, `success`, `warning` or `failure`. It may take as long as the receiver does.
        """
        from apprise import NotifyFormat, NotifyType

        title, _, body = text.partition("\n")
        with unheard() as said:
            try:
                taken = self._service.notify(
                    body=body or title,
                    title=title if body else "",
                    notify_type=NotifyType(severity),
                    body_format=NotifyFormat.TEXT,
                )
            except Exception as error:  # noqa: BLE001 - of any plugin; what it says may hold the address
                return f"apprise failed with {type(error).__name__}"
        return None if taken else self._masked(said[-1] if said else "apprise gives no reason")

    def _masked(self, text: str) -> str:
        """Return a text without any part of the address."""
        for part in self._hidden:
            text = text.replace(part, "***")
        return " ".join(text.split())[:_LONGEST]


def receivers(urls: Sequence[Secret]) -> tuple[Receiver, ...]:
    """Return the receivers that addresses name.

    Raises BadInput where apprise is not installed, and for addresses that it does not know, by their places:
    none is shown.
    """
    if not urls:
        return ()
    if find_spec("apprise") is None:
        raise BadInput(
            f"{SETTING} names {len(urls)} receivers of alerts, and the library that sends them is not there",
            action=f"pip install 'meva[alerts]', or take {SETTING} out",
        )
    asset = _asset()
    made = [_service(url.reveal(), asset) for url in urls]
    refuse_all(_unknown(place, urls[place], len(urls)) for place, one in enumerate(made) if one is None)
    found = [one for one in made if one is not None]
    return tuple(
        Receiver(name, _sole(one, asset), tuple(_parts(url.reveal(), shown)))
        for (name, shown), one, url in zip(_names(found), found, urls, strict=True)
    )


def _asset() -> AppriseAsset:
    from apprise import AppriseAsset

    # Without a limit of its own it sends in the thread that asks, and keeps no pool that an end waits for.
    return AppriseAsset(
        app_id="Meva", app_desc="Meva", app_url="", image_url_mask="", async_mode=False, service_timeout=0
    )


def _service(url: str, asset: AppriseAsset) -> Any:
    """Return apprise's plugin for an address, None where there is none."""
    from apprise import Apprise

    with unheard():
        return Apprise.instantiate(url, asset=asset)


def _sole(plugin: Any, asset: AppriseAsset) -> Apprise:
    from apprise import Apprise

    return Apprise(plugin, asset=asset)


def _unknown(place: int, url: Secret, count: int) -> Problem:
    from apprise import Apprise

    scheme = url.reveal().partition("://")[0].lower()
    known = scheme in {name for one in _schemes(Apprise) for name in one}
    which = f"address {place + 1} of {count}" if count > 1 else "the address"
    what = f"{which}, of {scheme}://, " if known else f"{which} "
    message = f"{what}is none that apprise knows, or lacks a part"
    action = "the notations are listed at https://appriseit.com/services"
    return Problem("bad_setting", SETTING, "<secret>", message, f"{SETTING}: {action}")


def _schemes(apprise: Any) -> Iterable[Iterable[str]]:
    """Yield the schemes of each service."""
    for service in apprise().details()["schemas"]:
        yield service["protocols"] or ()
        yield service["secure_protocols"] or ()


def _names(plugins: Sequence[Any]) -> list[tuple[str, str]]:
    """Return what each plugin is called, and which host is shown in that, if any; equal ones are counted."""
    shown = [_host(plugin) for plugin in plugins]
    services = [str(plugin.service_name) for plugin in plugins]
    bare = [f"{service} {host}".rstrip() for service, host in zip(services, shown, strict=True)]
    seen: Counter[str] = Counter()
    names = []
    for name in bare:
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return list(zip(names, shown, strict=True))


def _host(plugin: Any) -> str:
    """Return the host of a plugin, with its port, if it surely is one: what stands there may be a token."""
    host = str(getattr(plugin, "host", "") or "")
    if "host" not in plugin.template_tokens or not _HOST.fullmatch(host):
        return ""
    port = getattr(plugin, "port", None)
    return f"{host}:{port}" if port else host


def _parts(url: str, shown: str) -> Iterable[str]:
    """Return what of an address must not be seen, the longest first: all that is not shown anyway."""
    scheme, _, rest = url.partition("://")
    plain = unquote(rest)
    found = {rest, plain, *re.split(r"[^\w.~%-]+", rest), *re.split(r"[^\w.~-]+", plain)}
    seen = {scheme, shown, *shown.split(":")}
    return sorted((part for part in found - seen if len(part) >= _SHORTEST), key=len, reverse=True)
