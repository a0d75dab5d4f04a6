"""A browser's word about itself, as sessions show it."""

from __future__ import annotations

import pytest
from signed_in import CHROME

from tenantry.identity.sessions.devices import describe

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "system", "browser", "kind"),
    [
        (CHROME, "Linux", "Chrome", "desktop"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
         "Linux", "Firefox", "desktop"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.5 Safari/605.1.15",
         "Mac OS X", "Safari", "desktop"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0", "Windows", "Edge", "desktop"),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/125.0.0.0 Safari/537.36", "Chrome OS", "Chrome", "desktop"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {WEBKIT} Version/17.5 "
         "Mobile/15E148 Safari/604.1", "iOS", "Mobile Safari", "mobile"),
        (f"Mozilla/5.0 (iPad; CPU OS 16_5 like Mac OS X) {WEBKIT} Version/16.5 Mobile/15E148 "
         "Safari/604.1", "iOS", "Mobile Safari", "tablet"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/125.0.0.0 Mobile Safari/537.36", "Android", "Chrome Mobile", "mobile"),
        ("Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/125.0.0.0 Safari/537.36", "Android", "Chrome", "tablet"),
        ("curl/8.5.0", "", "curl", "other"),
        ("", "", "", "other"),
    ],
)  # fmt: skip
def test_browsers(user_agent, system, browser, kind):
    device = describe(user_agent, "192.0.2.7")
    assert (device["os"], device["browser"], device["device_type"]) == (system, browser, kind)
    assert device["user_agent"] == user_agent
    assert device["ip"] == "192.0.2.7"
    assert device["location"] == {}


def test_versions():
    device = describe(
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.5 Safari/605.1.15", ""
    )
    assert (device["os_version"], device["browser_version"]) == ("10.15.7", "17.5")


@pytest.mark.parametrize("user_agent", ["x" * 100_000, "(" * 100_000, "Mozilla/5.0 " * 10_000])
def test_a_long_one_is_cut(user_agent):
    assert describe(user_agent, "")["user_agent"] == user_agent[:512]


def test_what_one_holds_does_not_reach_the_next():
    describe(CHROME, "192.0.2.7")["os"] = "changed"
    assert describe(CHROME, "192.0.2.8")["os"] == "Linux"
