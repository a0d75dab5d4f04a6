"""The settings in effect: given ones go before stored ones, and each process reads them anew."""

from __future__ import annotations

import asyncio

import pytest

from tenantry.db.engine import Unavailable
from tenantry.settings import SettingError, load
from tenantry.tenants.environment.effective import WAIT_SECONDS, Effective, combined


class Store:
    """A database that holds stored settings, and may be away."""

    def __init__(self, **texts: str) -> None:
        self.texts = texts
        self.reads = 0
        self.away = False

    async def fetch_all(self, _statement, **_params: object):
        self.reads += 1
        if self.away:
            raise Unavailable("away")
        return [{"name": name, "value": text} for name, text in self.texts.items()]


@pytest.fixture
def clock():
    return [1000.0]


def effective(clock, **given: str):
    made = Effective(load({f"TENANTRY_{name.upper()}": text for name, text in given.items()}))
    made._clock = lambda: clock[0]
    return made


async def settled(made, store):
    await made.refresh(store)
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_stored_one_holds_unless_it_is_given(clock):
    made = effective(clock, app_name="Given")
    await made.refresh(Store(app_name="Stored", app_color="#000000", listen="x", no_such="y"))
    assert (made.settings.app_name, made.settings.app_color) == ("Given", "#000000")
    assert dict(made.stored) == {"app_color": "#000000"}
    assert made.settings.listen == made.given.listen


async def test_it_is_read_again_after_a_second_and_not_for_each_request(clock):
    made, store = effective(clock), Store(app_name="One")
    for _ in range(100):
        await made.refresh(store)
    assert store.reads == 1
    store.texts = {"app_name": "Two"}
    clock[0] += 0.5
    await settled(made, store)
    assert made.settings.app_name == "One"
    clock[0] += 0.5
    await settled(made, store)
    assert (made.settings.app_name, store.reads) == ("Two", 2)


async def test_after_a_while_a_request_waits_for_what_holds_now(clock):
    made, store = effective(clock), Store(app_name="One")
    await made.refresh(store)
    store.texts = {}
    clock[0] += WAIT_SECONDS + 1
    await made.refresh(store)
    assert made.settings.app_name == ""


async def test_without_the_database_all_stays(clock):
    made, store = effective(clock), Store(app_name="One")
    await made.refresh(store)
    store.away = True
    clock[0] += WAIT_SECONDS + 1
    await made.refresh(store)
    assert made.settings.app_name == "One"


def test_settings_that_no_longer_fit_are_passed_over():
    given = load({"TENANTRY_ACCESS_TOKEN_MINUTES": "60"})
    stored = {"session_absolute_minutes": "30", "app_name": "Acme", "app_color": "blue"}
    found = combined(given, stored)
    assert found.session_absolute_minutes == 480
    assert (found.app_name, found.app_color) == ("Acme", "#1f5eff")


def test_a_process_that_another_starts_fixes_no_more_than_the_first():
    given = load({"TENANTRY_APP_NAME": "Acme"})
    again = load(given.environment())
    assert "app_name" in again.given
    assert "sign_up" not in again.given


def test_each_setting_names_its_source(tmp_path):
    file = tmp_path / "tenantry.toml"
    file.write_text('app_name = "Acme"\nlisten = "127.0.0.1:8443"\n')
    given = load({"TENANTRY_CONFIG": str(file), "TENANTRY_APP_NAME": "Beta"})
    expected = {"app_name": "TENANTRY_APP_NAME", "listen": str(file)}
    assert given.sources == expected
    assert load(given.environment()).sources == expected


def test_a_worker_of_a_server_without_settings_has_only_defaults():
    assert load(load({"TENANTRY_CONFIG": ""}).environment()).given == frozenset()


def test_sources_that_the_server_did_not_write_are_rejected():
    with pytest.raises(SettingError, match="TENANTRY_SOURCES"):
        load({"TENANTRY_SOURCES": "[1]"})
