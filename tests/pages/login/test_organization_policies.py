"""Sign-ins under the policy of an organization: the steps that it adds, and its refusals."""

from __future__ import annotations

import re

import pyotp
import pytest
from hosted import REDIRECT_URI, Application, answered, heading, problems

DATABASES = ("sqlite_app",)


@pytest.fixture
async def organization(place):
    return await place.make.organization(display_name="Acme")


@pytest.fixture
async def user(place, organization):
    return await place.make.user(organization["id"])


@pytest.fixture
def require(place, organization):
    """Set fields of the policy of the organization."""

    async def update(**policy: object):
        answer = await place.api.organization_policies.update_organization_policy(
            organization_id=organization["id"],
            policy=policy,
            update_mask=",".join(policy),
        )
        return answer["policy"]

    return update


async def sign_in(visitor, application, user, **members: object):
    """Prove the inbox of a user; return the page or the redirect that follows."""
    await visitor.begin(application, **members)
    return await visitor.prove(user["email"])


async def test_without_a_policy_nothing_is_asked(visitor, application, user):
    answer = answered(await sign_in(visitor, application, user))
    assert "code" in answer


async def test_a_second_factor_is_set_up_during_the_sign_in(
    place, visitor, application, user, require
):
    policy = await require(second_factor_required=True)
    assert policy["second_factor_required_since"]
    sent = await sign_in(visitor, application, user)
    assert sent.headers["location"] == visitor.path
    page = await visitor.page()
    assert heading(page) == "Set up two-step verification"
    assert "Not now" not in page.text
    picture = await visitor.get(f"{visitor.path}/setup.svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    wrong = await visitor.refused("set-up", code="000000")
    assert problems(wrong)
    (key,) = re.findall(r'<code class="key">([A-Z2-7 ]+)</code>', page.text)
    app = pyotp.TOTP(key.replace(" ", ""))
    codes = await visitor.step("set-up", code=app.now())
    assert codes.status_code == 200, codes.text
    assert heading(codes) == "Save your recovery codes"
    assert "code" in answered(await visitor.page())
    # From now on the factor is asked for.
    async with place.visitor() as again:
        await sign_in(again, application, user)
        assert heading(await again.page()) == "Two-step verification"


async def test_within_the_grace_period_the_setup_can_wait(visitor, application, user, require):
    await require(second_factor_required=True, second_factor_grace_days=7)
    await sign_in(visitor, application, user)
    page = await visitor.page()
    assert heading(page) == "Set up two-step verification"
    assert "Not now" in page.text
    sent = await visitor.step("set-up-later", page="")
    assert "code" in answered(sent)


async def test_without_a_grace_period_the_setup_cannot_be_deferred(
    visitor, application, user, require
):
    await require(second_factor_required=True)
    await sign_in(visitor, application, user)
    page = await visitor.refused("set-up-later", page="")
    assert "grace period has ended" in page.text


async def test_a_refresh_token_is_refused_after_the_grace_period(
    visitor, application, user, require
):
    await require(second_factor_required=True, second_factor_grace_days=7)
    await sign_in(visitor, application, user)
    answer = answered(await visitor.step("set-up-later", page=""))
    tokens = await application.tokens(visitor.http, answer["code"])
    again = await application.refresh(visitor.http, tokens["refresh_token"])
    assert again.status_code == 200, again.text
    await require(second_factor_grace_days=0)
    refused = await application.refresh(visitor.http, again.json()["refresh_token"])
    assert refused.status_code == 400
    assert refused.json()["error"] == "invalid_grant"
    assert "second factor" in refused.json()["error_description"]


async def test_a_method_that_is_not_allowed_ends_on_a_page(visitor, application, user, require):
    await require(allowed_sign_in_methods=["PASSKEY"])
    sent = await sign_in(visitor, application, user)
    assert sent.headers["location"] == visitor.path
    page = await visitor.page()
    assert heading(page) == "This sign-in method isn't allowed"
    assert "Passkey" in page.text
    # Canceled, the application is told why.
    answer = answered(await visitor.step("cancel"))
    assert answer["error"] == "access_denied"
    assert "sign-in method" in answer["error_description"]


async def test_another_network_is_refused(visitor, application, user, require):
    await require(allowed_networks=["203.0.113.0/24"])
    await sign_in(visitor, application, user)
    page = await visitor.page()
    assert heading(page) == "Your network isn't allowed"
    assert visitor.headers["x-forwarded-for"] in page.text
    visitor.headers["x-forwarded-for"] = "203.0.113.7"
    await visitor.step("restart")


async def test_a_session_that_the_policy_refuses_is_no_silent_answer(
    visitor, application, user, require
):
    answered(await sign_in(visitor, application, user))
    await require(allowed_networks=["203.0.113.0/24"])
    silent = answered(await visitor.get(application.path(prompt="none")))
    assert silent["error"] == "interaction_required"
    sent = await visitor.get(application.path())
    assert sent.headers["location"].startswith("/login/")
    page = await visitor.get(sent.headers["location"])
    visitor.path = sent.headers["location"]
    assert heading(await visitor.page()) == "Your network isn't allowed", page.text


async def test_api_clients_and_api_keys_are_used_from_allowed_networks(
    place, visitor, require, organization
):
    made = await place.api.clients.create_organization_client(
        organization_id=organization["id"], client={"name": "Reports"}
    )
    grant = {
        "grant_type": "client_credentials",
        "client_id": made["client"]["client_id"],
        "client_secret": made["plain_secret"],
    }
    key = await place.api.tokens.create_token(token={"organization_id": organization["id"]})
    await require(allowed_networks=["203.0.113.0/24"])
    headers = dict(place.api.headers)
    for address, is_allowed in (("203.0.113.7", True), ("198.51.100.7", False)):
        answer = await visitor.http.post(
            "/oauth/token", data=grant, headers={"x-forwarded-for": address}
        )
        assert answer.status_code == (200 if is_allowed else 401), answer.text
        answer = await visitor.http.post(
            f"/api/v1/tokens:validate?ip_address={address}",
            json={"token": key["token"]},
            headers=headers,
        )
        assert answer.status_code == (200 if is_allowed else 403), answer.text
    # Without an address the network of the caller of the application is unknown.
    await place.api.tokens.validate_token(token=key["token"])


async def test_a_browser_application_refreshes_from_allowed_networks(place, visitor, user, require):
    made = await place.api.clients.create_client(
        client={"name": "Browser", "client_type": "SPA", "post_login_uris": [REDIRECT_URI]}
    )
    application = Application(made["client"]["id"], "", REDIRECT_URI)
    visitor.headers["x-forwarded-for"] = "203.0.113.7"
    answer = answered(await sign_in(visitor, application, user))
    tokens = await application.tokens(visitor.http, answer["code"])
    await require(allowed_networks=["203.0.113.0/24"])
    refused = await application.refresh(
        visitor.http, tokens["refresh_token"], **{"x-forwarded-for": "198.51.100.7"}
    )
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"] == "invalid_grant"
    # The family is not revoked: back in the network it goes on.
    accepted = await application.refresh(
        visitor.http, tokens["refresh_token"], **{"x-forwarded-for": "203.0.113.7"}
    )
    assert accepted.status_code == 200, accepted.text


async def test_a_server_application_refreshes_by_the_address_of_the_sign_in(
    visitor, application, user, require
):
    visitor.headers["x-forwarded-for"] = "203.0.113.7"
    answer = answered(await sign_in(visitor, application, user))
    tokens = await application.tokens(visitor.http, answer["code"])
    await require(allowed_networks=["203.0.113.0/24"])
    accepted = await application.refresh(
        visitor.http, tokens["refresh_token"], **{"x-forwarded-for": "198.51.100.7"}
    )
    assert accepted.status_code == 200, accepted.text
    await require(allowed_networks=["192.0.2.0/24"])
    refused = await application.refresh(visitor.http, accepted.json()["refresh_token"])
    assert refused.json()["error"] == "invalid_grant"
