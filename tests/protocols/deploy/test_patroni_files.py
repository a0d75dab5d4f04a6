"""The files of deploy/patroni belong together; tests/chaos/test_failover.py runs them."""

from __future__ import annotations

import re

import yaml
from repository import ROOT

FILES = ROOT / "deploy" / "patroni"
PAGE = (ROOT / "docs" / "high-availability.md").read_text(encoding="utf-8")
SAID = dict(
    line.split("=", 1)
    for line in (FILES / "one.env").read_text().splitlines()
    if line and not line.startswith("#")
)
CONFIGURATION = yaml.safe_load((FILES / "patroni.yml").read_text())


def test_the_page_installs_each_file():
    for file in FILES.iterdir():
        assert re.search(rf"install .*\b{re.escape(file.name)}\b", PAGE), file.name


def test_a_node_loses_its_lead_before_another_has_it():
    """Patroni's own rule: two tries and a pause fit into the time that a leader may be silent."""
    timing = CONFIGURATION["bootstrap"]["dcs"]
    assert timing["loop_wait"] + 2 * timing["retry_timeout"] <= timing["ttl"] < 30
    assert timing["synchronous_mode"] is True


def test_no_file_holds_a_password_and_each_is_asked_for():
    users = CONFIGURATION["postgresql"]["authentication"]
    assert all(set(user) == {"username"} for user in users.values())
    wanted = {f"PATRONI_{name.upper()}_PASSWORD" for name in users}
    wanted |= {"PATRONI_RAFT_PASSWORD", "PATRONI_RESTAPI_PASSWORD", "TENANTRY_DATABASE_PASSWORD"}
    passwords = {name: word for name, word in SAID.items() if name.endswith("PASSWORD")}
    assert set(passwords) == wanted
    assert all(word.startswith("change-me-") for word in passwords.values())
    assert len(set(passwords.values())) == len(wanted)
    assert "TENANTRY_DATABASE_PASSWORD" in (FILES / "make_database.sh").read_text()
