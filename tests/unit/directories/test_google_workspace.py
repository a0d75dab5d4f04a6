"""Google Workspace is asked as it wants to be, and its refusals are told apart."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google_workspaces import (
    ADMIN,
    CLIENT_ID,
    GoogleWorkspace,
    Refusal,
    key_file,
    private_key,
)

from tenantry.core import errors
from tenantry.crypto.vault import Vault, WrongKey, new_data_key
from tenantry.net.outgoing import Outgoing
from tenantry.tenants.directories.polling import people_of_google, service_accounts
from tenantry.tenants.directories.polling.workspace import (
    AccessRefused,
    GroupNotFound,
    StalePage,
    TemporaryError,
    Workspace,
)


@pytest.fixture
async def google():
    async with GoogleWorkspace() as started:
        yield started


@pytest.fixture
async def workspace(google):
    outgoing = Outgoing(("127.0.0.0/8",))
    yield Workspace(outgoing, google.url)
    await outgoing.close()


@pytest.fixture
def account():
    return service_accounts.read(key_file(), subject=ADMIN)


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


async def test_all_pages_are_everybody_once(google, workspace, account):
    names = sorted(f"p{number:03}" for number in range(450))
    for name in names:
        google.person(name)
    found, token = [], ""
    while True:
        page = await workspace.users(account, token)
        found += [one["primaryEmail"].partition("@")[0] for one in page.items]
        token = page.next_page_token
        if not token:
            break
    assert found == names
    assert len(google.got) == 3
    assert google.token_requests == 1
    assert google.got[0][1]["projection"] == "full"


async def test_groups_and_their_direct_members(google, workspace, account):
    ann = google.person("ann")
    inner = google.group("Inner")
    outer = google.group("Outer", ann, inner, "everybody")
    assert [one["name"] for one in (await workspace.groups(account)).items] == ["Inner", "Outer"]
    assert (await workspace.group(account, outer["id"]))["email"] == "outer@example.com"
    members = (await workspace.members(account, outer["id"])).items
    assert [(one["id"], one["type"]) for one in members] == [
        (ann["id"], "USER"),
        (inner["id"], "GROUP"),
        ("C0123", "CUSTOMER"),
    ]
    assert (await workspace.members(account, inner["id"])).items == []


async def test_a_group_that_is_gone_is_told_from_all_else(workspace, account):
    with pytest.raises(GroupNotFound):
        await workspace.group(account, "0none")
    with pytest.raises(GroupNotFound):
        await workspace.members(account, "../users")


async def test_a_token_that_ended_early_is_renewed(google, workspace, account):
    await workspace.users(account)
    google.end_tokens()
    assert (await workspace.users(account)).items == []
    assert google.token_requests == 2


async def test_a_page_token_that_is_not_taken_any_more(google, workspace, account):
    google.page = 1
    google.person("ann")
    google.person("bob")
    token = (await workspace.users(account)).next_page_token
    google.end_pages()
    with pytest.raises(StalePage):
        await workspace.users(account, token)


@pytest.mark.parametrize(
    ("refusal", "seconds"),
    [
        (Refusal(403, "rateLimitExceeded"), None),
        (Refusal(403, "userRateLimitExceeded", retry_after="7"), 7.0),
        (Refusal(403, "quotaExceeded"), None),
        (Refusal(429, "rateLimitExceeded", retry_after="99999"), 3600.0),
        (Refusal(500, retry_after="soon"), None),
        (Refusal(503, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"), 0.0),
    ],
    ids=lambda one: getattr(one, "reason", one),
)
async def test_a_refusal_that_passes(google, workspace, account, refusal, seconds):
    google.refusals.append(replace(refusal))
    with pytest.raises(TemporaryError, match="is temporarily unavailable") as raised:
        await workspace.users(account)
    assert raised.value.seconds == seconds


@pytest.mark.parametrize(
    ("status", "reason"),
    [(403, "forbidden"), (403, "accessNotConfigured"), (401, "authError"), (400, "badRequest")],
)
async def test_a_refusal_that_somebody_has_to_do_something_about(
    google, workspace, account, status, reason
):
    google.refusals.append(
        Refusal(status, reason, "Not Authorized\r\nto access", path="/users", times=2)
    )
    with pytest.raises(AccessRefused, match=rf": {status} {reason}, Not Authorized to access\."):
        await workspace.users(account)


async def test_consent_that_is_not_there(google, workspace, account):
    google.grants = False
    with pytest.raises(
        AccessRefused, match=r"unauthorized_client, .* authorize the service account's client ID"
    ):
        await workspace.users(account)
    google.grants = True
    with pytest.raises(AccessRefused, match="invalid_grant, Invalid email or User ID"):
        await workspace.users(replace(account, subject="gone@example.com"))
    strange = replace(account, private_key=pem(private_key(3072)))
    with pytest.raises(AccessRefused, match="invalid_grant, Invalid JWT Signature") as raised:
        await workspace.users(strange)
    assert "PRIVATE" not in str(raised.value)
    google.refusals.append(Refusal(503, path="/token"))
    with pytest.raises(TemporaryError, match="status 503 for a token"):
        await workspace.users(replace(account, subject="other@example.com"))


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b'{"users": {}}',
        b'{"users": [1]}',
        b'{"users": [{"id": ""}]}',
        b'{"users": [{"id": "1", "x": ' + b"[" * 100 + b"]" * 100 + b"}]}",
        b'{"users": [], "nextPageToken": 1}',
        b'{"users": [' + b",".join([b"1"] * 210_000) + b"]}",
        b'{"users": [], "x": "' + b"x" * (5 << 20) + b'"}',
    ],
    ids=range(9),
)
async def test_an_answer_that_cannot_be_read_is_no_empty_one(google, workspace, account, body):
    google.body = body
    with pytest.raises(TemporaryError, match="could not be read"):
        await workspace.users(account)


async def test_no_answer_at_all(workspace, account):
    with pytest.raises(TemporaryError, match="request to Google Workspace failed"):
        await Workspace(workspace._outgoing, "http://127.0.0.1:1").users(account)


def test_a_key_file_is_kept_sealed():
    account, vault = service_accounts.read(key_file(), subject=ADMIN), Vault(new_data_key())
    assert (account.client_id, account.subject) == (CLIENT_ID, ADMIN)
    assert "PRIVATE" not in repr(account)
    directory = SimpleNamespace(organization_id="org_1", id="dir_1", credentials=None)
    directory.credentials = account.encrypted(vault, directory)
    assert "PRIVATE" not in directory.credentials
    assert service_accounts.decrypted(vault, directory) == account
    with pytest.raises(WrongKey):
        service_accounts.decrypted(Vault(new_data_key()), directory)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "must be JSON"),
        ("[]", "must be a JSON object"),
        (key_file(type="authorized_user"), "must be the JSON key of a service account"),
        (key_file(private_key=""), "must have a private_key"),
        (key_file(client_id=1), "must have a client_id"),
        (key_file(client_email="a b"), "must have a client_email of letters and digits"),
        (key_file(private_key="x"), "must have an RSA private_key"),
        (key_file(private_key=pem(private_key(1024))), "must have an RSA private_key of 2048"),
        (
            key_file(private_key=pem(ec.generate_private_key(ec.SECP256R1()))),
            "must have an RSA private_key",
        ),
        (json.dumps({"x": "x" * (16 << 10)}), "must have at most 16 KiB"),
    ],
)
def test_what_is_no_key_file_is_refused_by_name(given, said):
    with pytest.raises(errors.InvalidArgument) as raised:
        service_accounts.read(given, subject=ADMIN)
    assert str(raised.value).startswith(f"service_account_key: {said}")
    assert len(str(raised.value)) < 200


def test_an_administrator_is_an_address():
    with pytest.raises(errors.InvalidArgument, match="email: must be a valid email address"):
        service_accounts.read(key_file(), subject="admin")


def test_a_person_as_scim_says_it():
    urn = "urn:ietf:params:scim:schemas:extension:tenantry:2.0:User"
    found = {
        "id": "1",
        "primaryEmail": "ann@example.com",
        "name": {"givenName": "Ann", "familyName": "Lee", "fullName": "Ann Lee"},
        "suspended": False,
        "archived": True,
        "emails": [{"address": "Ann@Example.com", "primary": True}, {"address": "a@example.org"}],
        "aliases": ["a@example.org", "lee@example.com"],
        "phones": [{"value": "+49 1", "type": "work"}, {"type": "home"}, "x"],
        "addresses": [{"type": "work", "locality": "Berlin", "countryCode": "DE"}],
        "organizations": [
            {"title": "Old", "department": "A"},
            {
                "primary": True,
                "title": "Head",
                "department": "B",
                "costCenter": "7",
                "name": "Acme",
            },
        ],
        "externalIds": [{"type": "organization", "value": "E1"}, {"type": "login_id", "value": 1}],
        "relations": [{"type": "manager", "value": "boss@example.com"}],
        "languages": [
            {"languageCode": "en", "preference": "not_preferred"},
            {"languageCode": "de", "preference": "preferred"},
        ],
        "customSchemas": {"Work": {"badge": "B-9", "floors": [1, 2]}},
        "thumbnailPhotoUrl": "https://example.com/photo",
    }
    assert people_of_google.user(found, custom=urn) == {
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            urn,
        ],
        "externalId": "1",
        "userName": "ann@example.com",
        "name": {"formatted": "Ann Lee", "givenName": "Ann", "familyName": "Lee"},
        "displayName": "Ann Lee",
        "title": "Head",
        "preferredLanguage": "de",
        "active": False,
        "emails": [
            {"value": "ann@example.com", "type": "work", "primary": True},
            {"value": "a@example.org", "type": "other"},
            {"value": "lee@example.com", "type": "other"},
        ],
        "phoneNumbers": [{"value": "+49 1", "type": "work"}],
        "addresses": [{"type": "work", "locality": "Berlin", "country": "DE"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": "E1",
            "costCenter": "7",
            "organization": "Acme",
            "department": "B",
            "manager": {"value": "boss@example.com"},
        },
        urn: {"badge": "B-9"},
    }


def test_a_person_of_whom_little_is_known():
    found = people_of_google.user({"id": "1", "primaryEmail": "a@example.com", "name": None})
    assert found["userName"] == "a@example.com"
    assert found["active"] is True
    assert not {"name", "displayName", "title"} & found.keys()
    assert people_of_google.group({"id": "9", "email": "g@example.com"}) == {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "externalId": "9",
        "displayName": "g@example.com",
    }
