"""WebAuthnService over every wire, as programs, people and nobody call it."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from apis import refused, unique
from signins import SignIns
from software_authenticator import Authenticator

COOKIE = "__Host-tenantry_session"
UNKNOWN = "cred_1234567890123456789"


@pytest.fixture
def device(server):
    return Authenticator(server.url)


@pytest.fixture
def signed_in(database, http, rest, make):
    """Sign a new person in: the user, and the Cookie header of their browser."""
    signins = SignIns(database, http, rest, make)

    async def sign_in():
        user = await make.user()
        _, secret = await signins.session(user)
        return user, f"{COOKIE}={secret}"

    return sign_in


@pytest.fixture
async def person(signed_in):
    return await signed_in()


@pytest.fixture
def nobody(api):
    return api.sending(authorization=())


def finish(credential):
    """A registration as the rpc takes it."""
    response = credential["response"]
    return {
        "credential_id": credential["rawId"],
        "attestation_object": response["attestationObject"],
        "client_data_json": response["clientDataJSON"],
        "transports": response["transports"],
        "type": "public-key",
        "authenticator_attachment": "platform",
        "client_extension_results": {},
    }


def assertion(credential, session_id):
    """An authentication as the rpc takes it."""
    response = credential["response"]
    return {
        "session_id": session_id,
        "credential_id": credential["rawId"],
        "type": "public-key",
        "response": {
            "authenticator_data": response["authenticatorData"],
            "client_data_json": response["clientDataJSON"],
            "signature": response["signature"],
            "user_handle": response["userHandle"],
        },
    }


async def registered(api, person, device):
    """Register a passkey by the API; return it as the operator sees it."""
    user, cookie = person
    as_person = api.sending(authorization=(), cookie=cookie)
    begun = await as_person.webauthn.begin_registration()
    done = await as_person.webauthn.finish_registration(**finish(device.create(begun["options"])))
    assert done["success"]
    listed = await api.webauthn.list_credentials(user_id=user["id"])
    return listed["credentials"][-1]


async def test_a_person_registers_and_signs_in(api, nobody, person, device):
    user, _ = person
    passkey = await registered(api, person, device)
    assert passkey["user_id"] == user["id"]
    assert passkey["display_name"]
    assert passkey["authenticator"]["attachment"] == "platform"
    assert passkey["authenticator_flags"]["user_verified"]
    assert base64.b64decode(passkey["credential_id"]) == device.keys[0].id

    begun = await nobody.webauthn.begin_authentication(email=user["email"])
    assert begun["options"]["rpId"] == "localhost"
    assert begun["options"]["allowCredentials"] == []
    given = assertion(device.get(begun["options"]), begun["session_id"])
    done = await nobody.webauthn.finish_authentication(**given)
    assert done.data == {"success": True, "user_id": user["id"], "session_token": ""}
    with refused("INVALID_ARGUMENT", "challenge"):
        await nobody.webauthn.finish_authentication(**given)


async def test_the_operator_lists_renames_and_deletes(api, person, device):
    """The list shows id, user_id, authenticator; a rename shows in a later list."""
    user, _ = person
    passkey = await registered(api, person, device)
    listed = await api.webauthn.list_credentials(user_id=user["id"])
    assert listed["credentials"] == [passkey]
    handle = base64.urlsafe_b64encode(user["id"].encode()).rstrip(b"=").decode()
    known = base64.urlsafe_b64encode(device.keys[0].id).rstrip(b"=").decode()
    assert listed["all_accepted_credentials_options"] == {
        "rp_id": "localhost",
        "user_id": handle,
        "all_accepted_credential_ids": [known],
    }

    name = unique("laptop")
    renamed = await api.webauthn.update_credential(credential_id=passkey["id"], display_name=name)
    assert renamed["credential"]["display_name"] == name
    listed = await api.webauthn.list_credentials(user_id=user["id"])
    assert listed["credentials"] == [renamed["credential"]]

    gone = await api.webauthn.delete_credential(credential_id=passkey["id"])
    assert gone.data == {
        "success": True,
        "unknown_credential_options": {"rp_id": "localhost", "credential_id": known},
    }
    listed = await api.webauthn.list_credentials(user_id=user["id"])
    assert listed["credentials"] == []
    with refused("NOT_FOUND"):
        await api.webauthn.delete_credential(credential_id=passkey["id"])


async def test_a_person_reaches_their_own_only(api, signed_in, device):
    (ana, ana_s), (ben, ben_s) = await signed_in(), await signed_in()
    passkey = await registered(api, (ana, ana_s), device)
    as_ana = api.sending(authorization=(), cookie=ana_s)
    as_ben = api.sending(authorization=(), cookie=ben_s)
    assert (await as_ana.webauthn.list_credentials())["credentials"] == [passkey]
    assert (await as_ben.webauthn.list_credentials(user_id=ben["id"]))["credentials"] == []
    with refused("NOT_FOUND"):
        await as_ben.webauthn.list_credentials(user_id=ana["id"])
    with refused("NOT_FOUND"):
        await as_ben.webauthn.update_credential(credential_id=passkey["id"], display_name="Mine")
    with refused("NOT_FOUND"):
        await as_ben.webauthn.delete_credential(credential_id=passkey["id"])
    await as_ana.webauthn.update_credential(credential_id=passkey["id"], display_name="Mine")
    await as_ana.webauthn.delete_credential(credential_id=passkey["id"])


async def test_a_program_registers_nothing(api):
    with refused("PERMISSION_DENIED", says="own passkeys"):
        await api.webauthn.begin_registration()
    with refused("PERMISSION_DENIED", says="own passkeys"):
        await api.webauthn.finish_registration(
            credential_id="AA", attestation_object="AA", client_data_json="AA"
        )


async def test_nobody_may_only_sign_in(nobody):
    with refused("UNAUTHENTICATED"):
        await nobody.webauthn.list_credentials(user_id="usr_1")
    with refused("UNAUTHENTICATED"):
        await nobody.webauthn.update_credential(credential_id=UNKNOWN, display_name="x")
    with refused("UNAUTHENTICATED"):
        await nobody.webauthn.delete_credential(credential_id=UNKNOWN)
    with refused("UNAUTHENTICATED"):
        await nobody.webauthn.begin_registration()


async def test_bad_fields_are_named(api, nobody):
    with refused("INVALID_ARGUMENT", "display_name"):
        await api.webauthn.update_credential(credential_id=UNKNOWN, display_name="")
    with refused("INVALID_ARGUMENT", "display_name"):
        await api.webauthn.update_credential(credential_id=UNKNOWN, display_name="x" * 121)
    with refused("INVALID_ARGUMENT", "user_id"):
        await api.webauthn.list_credentials()
    with refused("NOT_FOUND"):
        await api.webauthn.list_credentials(user_id="usr_1234567890123456789")
    with refused("NOT_FOUND"):
        await api.webauthn.update_credential(credential_id=UNKNOWN, display_name="x")
    with refused("INVALID_ARGUMENT", "email"):
        await nobody.webauthn.begin_authentication(email="no address")
    with refused("INVALID_ARGUMENT", "response"):
        await nobody.webauthn.finish_authentication(session_id="chl_1", credential_id="AA")


async def test_a_wrong_answer_is_a_bad_request(nobody, api, person, device):
    await registered(api, person, device)
    begun = await nobody.webauthn.begin_authentication()
    forged = device.get(begun["options"], origin="https://evil.example.com")
    with refused("INVALID_ARGUMENT", "credential", says="origin"):
        await nobody.webauthn.finish_authentication(**assertion(forged, begun["session_id"]))


@pytest.mark.wires("rest", "grpc")
async def test_a_challenge_is_used_up_also_under_an_idempotency_key(nobody, api, person, device):
    await registered(api, person, device)
    once = replace(nobody, headers=(*nobody.headers, ("idempotency-key", unique())))
    begun = await once.webauthn.begin_authentication()
    forged = device.get(begun["options"], rp_id="evil.example.com")
    with refused("INVALID_ARGUMENT", "credential"):
        await once.webauthn.finish_authentication(**assertion(forged, begun["session_id"]))
    right = device.get(begun["options"])
    with refused("INVALID_ARGUMENT", "challenge"):
        await nobody.webauthn.finish_authentication(**assertion(right, begun["session_id"]))


async def test_browsers_find_the_related_origins(http, server):
    answer = await http.get("/.well-known/webauthn")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"origins": [server.url]}
