"""Receivers of alerts: an address in the notation of apprise each, and what people may see of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from attrs import field, frozen

from meva_adapters.alerts.known import Known, keep, known
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
    """Somebody who is told of things; `name` may be shown. `service` is what sends to it, made when it is
    asked for first."""

    name: str
    service: Callable[[], Apprise | None] = field(repr=False)
    _hidden: tuple[str, ...] = field(repr=False)

    def send(self, text: str, severity: str) -> str | None:
        """Send a text, whose first line is its title; return None where it was taken, else why not.

        `severity` is `info`, `success`, `warning` or `failure`. It may take as long as the receiver does.
        """
        from apprise import NotifyFormat, NotifyType

        title, _, body = text.partition("\n")
        with unheard() as said:
            try:
                service = self.service()
                if service is None:
                    return "apprise does not know its address any more"
                taken = service.notify(
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


def receivers(urls: Sequence[Secret], *, keeps: bool = False) -> tuple[Receiver, ...]:
    """Return the receivers that addresses name.

    Apprise is loaded for addresses that it was not asked about before; with `keeps` what it says is kept for
    later processes. Raises BadInput where apprise is not installed, and for addresses that it does not know,
    by their places: none is shown.
    """
    if not urls:
        return ()
    if find_spec("apprise") is None:
        raise BadInput(
            f"{SETTING} names {len(urls)} receivers of alerts, and the library that sends them is not there",
            action=f"pip install 'meva[alerts]', or take {SETTING} out",
        )
    addresses = [url.reveal() for url in urls]
    found = known(addresses)
    if found is None:
        plugins = [_plugin(address, _asset()) for address in addresses]
        refuse_all(_unknown(place, urls[place], len(urls)) for place, one in enumerate(plugins) if not one)
        found = [Known(str(plugin.service_name), _host(plugin)) for plugin in plugins]
        if keeps:
            keep(dict(zip(addresses, found, strict=True)))
    return tuple(
        Receiver(name, cache(partial(_service, address)), tuple(_parts(address, one.host)))
        for name, one, address in zip(_names(found), found, addresses, strict=True)
    )


def _asset() -> AppriseAsset:
    from apprise import AppriseAsset

    # Without a limit of its own it sends in the thread that asks, and keeps no pool that an end waits for.
    return AppriseAsset(
        app_id="Meva", app_desc="Meva", app_url="", image_url_mask="", async_mode=False, service_timeout=0
    )


def _plugin(address: str, asset: AppriseAsset) -> Any:
    """Return apprise's plugin for an address, None where there is none."""
    from apprise import Apprise

    with unheard():
        return Apprise.instantiate(address, asset=asset)


def _service(address: str) -> Apprise | None:
    """Return what sends to an address alone, None where apprise does not know it."""
    from apprise import Apprise

    asset = _asset()
    plugin = _plugin(address, asset)
    return None if plugin is None else Apprise(plugin, asset=asset)


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


def _names(found: Sequence[Known]) -> list[str]:
    """Return what each is called; equal names are counted."""
    seen: Counter[str] = Counter()
    names = []
    for name in (f"{one.service} {one.host}".rstrip() for one in found):
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


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
