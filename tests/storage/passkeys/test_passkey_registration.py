"""A person registers a passkey: the challenge, the row, the refusals."""

from __future__ import annotations

import asyncio

import pytest
from databases import call_from
from software_authenticator import (
    EDDSA,
    ES256,
    ICLOUD,
    RS256,
    Authenticator,
    Key,
    base64url,
    from_base64url,
)

from tenantry.core import errors
from tenantry.db.event_rows import log
from tenantry.db.writes import pruning
from tenantry.identity.authenticators.passkeys import ceremonies, challenges, service
from tenantry.identity.sessions.freshness import Freshness


async def test_the_options_ask_for_a_passkey_that_can_be_found(db, new_person, relying_party):
    user, call = await new_person()
    _, options = await service.begin_registration(call, user, relying_party)
    assert from_base64url(options.pop("user")["id"]).decode() == user.id
    assert len(from_base64url(options.pop("challenge"))) == 32
    assert options == {
        "rp": {"id": "app.example.com", "name": "Acme"},
        "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in (ES256, EDDSA, RS256)],
        "timeout": 300_000,
        "excludeCredentials": [],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "preferred",
        },
        "attestation": "none",
    }


async def test_a_passkey_is_kept_with_what_is_known_of_it(db, new_person, register, authenticator):
    person = await new_person()
    passkey = await register(person)
    assert passkey.user_id == person[0].id
    assert passkey.display_name == "Passkey on Mac OS X"
    assert passkey.credential_id == base64url(authenticator.keys[0].id)
    assert (passkey.attachment, passkey.transports) == ("platform", ("internal",))
    assert passkey.user_verified
    assert not passkey.backup_eligible
    assert passkey.user_agent["browser"] == "Safari"
    assert passkey.client_info == {"ip": "192.0.2.7"}
    assert await service.list_of(db, person[0].id) == [passkey]


async def test_its_name_is_that_of_the_authenticator(new_person, register, relying_party):
    device = Authenticator(relying_party.origins[0], aaguid=ICLOUD, backs_up=True)
    passkey = await register(await new_person(), device)
    assert passkey.display_name == passkey.authenticator_name == "iCloud Keychain"
    assert passkey.backup_eligible
    assert passkey.backup_state


async def test_its_event_holds_no_key(db, new_person, register):
    passkey = await register(await new_person())
    (event,) = [e for e in await log.last(db, limit=10) if e["type"] == "passkey.created"]
    assert event["after"]["id"] == passkey.id
    assert event["actor"] == {"type": "user_session", "id": passkey.user_id}
    assert passkey.public_key not in str(event)
    assert "192.0.2.7" not in str(event)


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
async def test_each_algorithm_registers_and_signs_in(new_person, register, sign_in, algorithm):
    passkey = await register(await new_person(), key=Key(algorithm))
    assert (await sign_in()).id == passkey.id


async def test_a_page_of_a_related_origin_registers_too(new_person, register, relying_party):
    await register(await new_person(), Authenticator(relying_party.origins[1]))


async def test_one_of_the_same_authenticator_is_excluded(new_person, register, relying_party):
    person = await new_person()
    passkey = await register(person)
    _, options = await service.begin_registration(person[1], person[0], relying_party)
    assert options["excludeCredentials"] == [
        {"id": passkey.credential_id, "type": "public-key", "transports": ["internal"]}
    ]


@pytest.mark.parametrize(
    ("bent", "says"),
    [
        ({"origin": "https://evil.example.com"}, "origin"),
        ({"origin": "https://app.example.com:444"}, "origin"),
        ({"origin": ["https://app.example.com"]}, "origin"),
        ({"rp_id": "evil.example.com"}, "RP ID"),
        ({"kind": "webauthn.get"}, "client data type"),
        ({"present": 0}, "present"),
        ({"cross_origin": True}, "frame"),
        ({"id": b"another"}, "its ID differs"),
        ({"challenge": "!"}, "cannot be read|challenge"),
        ({"challenge": 7}, "cannot be read"),
    ],
)
async def test_what_does_not_hold_is_refused(db, new_person, register, bent, says):
    person = await new_person()
    with pytest.raises(errors.InvalidArgument, match=says):
        await register(person, **bent)
    assert await service.list_of(db, person[0].id) == []


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"response": None},
        {"response": {"clientDataJSON": 7}},
        {"response": {"clientDataJSON": "e30"}},
        {"response": {"clientDataJSON": "W10"}},
        {"response": {"clientDataJSON": "/+="}},
        {"response": {"clientDataJSON": "\udcff"}},
    ],
)
async def test_nonsense_is_no_crash(new_person, relying_party, credential):
    user, call = await new_person()
    with pytest.raises(ceremonies.VerificationError):
        await service.finish_registration(call, user.id, relying_party, credential)


async def test_a_broken_attestation_is_no_crash(new_person, relying_party, authenticator):
    user, call = await new_person()
    for attestation in ("", "AA", base64url(b"\xa1" * 5000), base64url(b"\x81" * 100_000), 7):
        _, options = await service.begin_registration(call, user, relying_party)
        credential = authenticator.create(options)
        credential["response"]["attestationObject"] = attestation
        with pytest.raises(ceremonies.VerificationError):
            await service.finish_registration(call, user.id, relying_party, credential)


async def test_a_challenge_is_good_once(new_person, relying_party, authenticator):
    user, call = await new_person()
    _, options = await service.begin_registration(call, user, relying_party)
    await service.finish_registration(call, user.id, relying_party, authenticator.create(options))
    with pytest.raises(errors.InvalidArgument, match="challenge"):
        await service.finish_registration(
            call, user.id, relying_party, authenticator.create(options)
        )


async def test_a_challenge_is_used_up_by_an_answer_that_does_not_hold(
    new_person, relying_party, authenticator
):
    user, call = await new_person()
    _, options = await service.begin_registration(call, user, relying_party)
    for problem, bent in (
        (ceremonies.VerificationError, {"rp_id": "x"}),
        (errors.InvalidArgument, {}),
    ):
        with pytest.raises(problem):
            await service.finish_registration(
                call, user.id, relying_party, authenticator.create(options, **bent)
            )


async def test_a_challenge_ends_after_five_minutes(
    new_person, relying_party, authenticator, clock, db
):
    user, call = await new_person()
    clock.of(challenges, pruning)
    _, options = await service.begin_registration(call, user, relying_party)
    clock.forward(301)
    with pytest.raises(errors.InvalidArgument, match="challenge"):
        await service.finish_registration(
            call, user.id, relying_party, authenticator.create(options)
        )
    assert not await challenges.prune(db)


async def test_a_challenge_is_of_one_person_and_one_ceremony(
    new_person, relying_party, authenticator
):
    ana, call = await new_person()
    ben, by_ben = await new_person()
    _, options = await service.begin_registration(call, ana, relying_party)
    with pytest.raises(errors.InvalidArgument, match="challenge"):
        await service.finish_registration(
            by_ben, ben.id, relying_party, authenticator.create(options)
        )
    _, asked = await service.begin_authentication(call, relying_party)
    with pytest.raises(errors.InvalidArgument, match="challenge"):
        await service.finish_registration(
            call,
            ana.id,
            relying_party,
            authenticator.create(options, challenge=asked["challenge"]),
        )


async def test_an_id_that_another_person_has_is_refused(new_person, register, db):
    taken = Key()
    first = await register(await new_person(), key=taken)
    other = await new_person()
    with pytest.raises(errors.Duplicate, match="credential_id"):
        await register(other, key=Key(id=taken.id))
    assert await service.list_of(db, other[0].id) == []
    assert await service.list_of(db, first.user_id) == [first]


async def test_a_person_has_twenty_at_most(new_person, register, relying_party, authenticator):
    user, call = person = await new_person()
    for _ in range(service.MOST - 1):
        await register(person)
    begun = [await service.begin_registration(call, user, relying_party) for _ in range(3)]
    answers = await asyncio.gather(
        *(
            service.finish_registration(call, user.id, relying_party, authenticator.create(o))
            for _, o in begun
        ),
        return_exceptions=True,
    )
    assert sorted(isinstance(one, errors.InvalidArgument) for one in answers) == [
        False,
        True,
        True,
    ]
    with pytest.raises(errors.InvalidArgument, match="at most 20"):
        await service.begin_registration(call, user, relying_party)


async def test_a_program_has_no_passkeys(db, relying_party):
    with pytest.raises(errors.PermissionDenied, match="own passkeys"):
        await service.begin_own_registration(call_from(db), relying_party, Freshness(10))
    with pytest.raises(errors.PermissionDenied, match="own passkeys"):
        await service.finish_own_registration(call_from(db), relying_party, {})
