"""The session's cookie is as the settings have it at that moment."""

from __future__ import annotations

from tenantry.identity.sessions.cookies import SessionCookie
from tenantry.settings import load
from tenantry.tenants.environment.effective import Effective


def test_it_follows_what_is_stored():
    effective = Effective(load({}))
    cookie = SessionCookie.of(effective)
    assert "Max-Age=28800;" in cookie.issue("secret")
    assert "SameSite=Lax" in cookie.issue("secret")
    effective.take({"session_absolute_minutes": "60", "session_cookie_same_site": "none"})
    assert "Max-Age=3600;" in cookie.issue("secret")
    assert "SameSite=None" in cookie.issue("secret")
    effective.take({"session_cookie_persistent": "false"})
    assert "Max-Age" not in cookie.issue("secret")
    assert cookie.read(cookie.issue("secret")) == "secret"


def test_over_plain_http_it_is_lax():
    effective = Effective(load({"TENANTRY_PUBLIC_URL": "http://localhost:8080"}))
    effective.take({"session_cookie_same_site": "none"})
    assert "SameSite=Lax" in SessionCookie.of(effective).issue("secret")
