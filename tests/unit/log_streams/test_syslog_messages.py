"""An event as a syslog message, with any names and ids."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_receivers import read_message

from tenantry.db.sql.schema import to_json
from tenantry.events.log_streams.lines import Line
from tenantry.events.log_streams.syslog import framed, message

TIME = 1_793_887_500_123_456  # 2026-11-05 14:05:00.123456 UTC


def line(*, name="Acme", actor="skc_1", type_="organization.updated", request="req_1"):
    row = {
        "id": "evt_1",
        "type": type_,
        "object": "Organization",
        "occurred_at": TIME,
        "organization_id": "org_1",
        "actor": to_json({"type": "management_client", "id": actor}),
        "before": None,
        "after": to_json({"id": "org_1", "display_name": name}),
        "request_id": request,
        "context": None,
        "position": 7,
        "hash": "abc",
    }
    return Line.from_row(row, "env_1")


def sent(one, hostname="tenants.example"):
    return read_message(message(one, hostname, one.text()))


def test_a_message_has_the_fields_of_rfc_5424():
    got = sent(line())
    assert (got.facility, got.severity) == (13, 6)
    assert got.time.isoformat() == "2026-11-05T14:05:00.123456+00:00"
    assert (got.hostname, got.app_name, got.procid) == ("tenants.example", "tenantry", "-")
    assert got.msgid == "organization.updated"
    assert got.data == {
        "tenantry@32473": {
            "id": "evt_1",
            "type": "organization.updated",
            "organization": "org_1",
            "actor": "management_client:skc_1",
            "request": "req_1",
            "position": "7",
        }
    }
    event = json.loads(got.text)
    assert event["after"] == event["data"] == {"id": "org_1", "display_name": "Acme"}
    assert (event["position"], event["hash"], event["before"]) == (7, "abc", None)
    assert event["actor"] == {"type": "management_client", "id": "skc_1"}
    assert (event["spec_version"], event["environment_id"]) == ("1", "env_1")


@pytest.mark.parametrize(
    ("type_", "severity"),
    [
        ("organization.domain_dns_verification_failed", 4),
        ("webhook_endpoint.disabled", 4),
        ("user.organization_membership_created", 6),
    ],
)
def test_a_failure_is_a_warning_and_a_long_type_is_cut_to_what_a_msgid_holds(type_, severity):
    got = sent(line(type_=type_))
    assert got.severity == severity
    assert got.msgid == type_[:32]
    assert got.data["tenantry@32473"]["type"] == type_


def test_what_structured_data_reserves_is_escaped():
    got = sent(line(request='a"b]c\\d\r\n\x1b[0m\u2028é'))
    assert got.data["tenantry@32473"]["request"] == 'a"b]c\\d???[0m?é'


def test_no_name_brings_a_line_break_or_a_control_character():
    name = "Acme\r\n<13>1 - - - - - - forged\u2028\u0085\x1b[31m\u202e\x7f\x9b"
    raw = message(line(name=name), "h", line(name=name).text())
    assert all(0x20 <= byte < 0x7F for byte in raw)
    assert json.loads(read_message(raw).text)["after"]["display_name"] == name


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(alphabet='\\"] \r\n\x00é'))
def test_any_text_makes_a_message_that_can_be_read(name, odd):
    got = sent(line(name=name, actor=odd), hostname=odd)
    assert json.loads(got.text)["after"]["display_name"] == name
    assert json.loads(got.text)["actor"]["id"] == odd


def test_a_frame_counts_bytes():
    assert framed("é".encode()) == b"2 \xc3\xa9"
