"""A browser's word about itself, as sessions show it."""

from __future__ import annotations

import functools
from typing import Any

_LONGEST = 512  # characters of a User-Agent that are read and kept
_KNOWN = 1024  # that a process remembers; parsing one costs about a millisecond
_TABLETS = ("ipad", "tablet", "kindle", "silk/", "playbook")
_MOBILE_SYSTEMS = {"iOS", "Android", "Windows Phone", "BlackBerry OS", "KaiOS", "Tizen"}
_DESKTOPS = {"Windows", "Mac OS X", "Linux", "Ubuntu", "Debian", "Fedora", "Chrome OS", "FreeBSD"}


def describe(user_agent: str, address: str) -> dict[str, Any]:
    """Return the device of a request: from its User-Agent and the address it came from.

    Where an address is in the world is not looked up: `location` is empty.
    """
    return {**_described(user_agent[:_LONGEST]), "ip": address, "location": {}}


@functools.lru_cache(maxsize=_KNOWN)
def _described(user_agent: str) -> dict[str, str]:
    from ua_parser import parse

    found = parse(user_agent)
    system, browser = found.os, found.user_agent
    return {
        "user_agent": user_agent,
        "os": system.family if system else "",
        "os_version": _version(system),
        "browser": browser.family if browser else "",
        "browser_version": _version(browser),
        "device_type": _type(user_agent, system.family if system else ""),
    }


def _version(part: Any) -> str:
    if part is None:
        return ""
    numbers = (part.major, part.minor, part.patch)
    return ".".join(number for number in numbers if number)


def _type(user_agent: str, system: str) -> str:
    """Return desktop, mobile, tablet or other."""
    lower = user_agent.lower()
    is_android = system == "Android"
    # An Android that is not called mobile is a tablet, by the rule that browsers follow.
    if any(word in lower for word in _TABLETS) or (is_android and "mobile" not in lower):
        return "tablet"
    if system in _MOBILE_SYSTEMS or "mobile" in lower:
        return "mobile"
    return "desktop" if system in _DESKTOPS else "other"
