"""Clients that keep no secret: the use of their name alone."""

from __future__ import annotations

import pytest
from signins import App, SignIns, is_refused


@pytest.fixture
async def session(signins, make):
    """A session."""
    return (await signins.session(await make.user()))[0]


@pytest.mark.parametrize("client_type", ["SPA", "NTV"])
async def test_attack_36_its_name_is_enough_for_tokens_and_nothing_else(
    signins: SignIns, session, client_type
):
    app = await signins.application(client_type)
    tokens = await signins.tokens(app, session)
    assert (await signins.refresh(app, tokens["refresh_token"])).status_code == 200
    for path in ("/oauth/introspect", "/oauth/revoke"):
        form = {**app.form, "token": tokens["access_token"]}
        assert is_refused(await signins.http.post(path, data=form), "invalid_client", 401)
    answer = await signins.ask(app, grant_type="client_credentials")
    assert is_refused(answer, "unauthorized_client")


async def test_attack_36_a_secret_that_it_cannot_have_is_wrong(signins, session):
    app = await signins.application("SPA")
    code = await signins.code(app, session)
    answer = await signins.redeem(App(app.id, "x"), code)
    assert is_refused(answer, "invalid_client", 401)
    assert (await signins.redeem(app, code)).status_code == 200


async def test_attack_36_a_confidential_application_cannot_do_without_its_secret(
    signins, session, make
):
    app = await signins.application()
    tokens = await signins.tokens(app, session)
    code = await signins.code(app, session)
    bare = App(app.id, "")
    assert is_refused(await signins.redeem(bare, code), "invalid_client", 401)
    assert is_refused(await signins.redeem(App(app.id, "x"), code), "invalid_client", 401)
    answer = await signins.refresh(bare, tokens["refresh_token"])
    assert is_refused(answer, "invalid_client", 401)
    machine = App(*await make.client())
    for bare in (App(machine.id, ""), App("skc_1234567890123456789", ""), App("x", "")):
        answer = await signins.ask(bare, grant_type="client_credentials")
        assert is_refused(answer, "invalid_client", 401)
    assert (await signins.redeem(app, code)).status_code == 200


async def test_a_client_of_an_organization_is_not_for_people(signins, session, make):
    machine = App(*await make.client())
    answer = await signins.redeem(machine, await signins.code(machine, session))
    assert is_refused(answer, "unauthorized_client")


async def test_an_application_without_access_to_the_api_still_signs_people_in(signins, session):
    app = await signins.application()
    await signins.run("UPDATE clients SET api_access = :off WHERE id = :id", off=False, id=app.id)
    assert (await signins.tokens(app, session))["access_token"]
