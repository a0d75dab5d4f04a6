"""AuthService: what a sign-in page of somebody's own making asks, in the browser."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from apis import Api, refused, unique
from visitors import REDIRECT_URI, Browser, Place

from tenantry import settings
from tenantry.identity.sessions.cookies import SessionCookie
from tenantry.identity.sign_in.auth_requests import refusals, states
from tenantry.identity.sign_in.auth_requests.refusals import Refusal
from tenantry.tenants.environment.effective import Effective

FOREIGN = [{"sec_fetch_site": "cross-site"}, {"origin": "https://evil.example"}]


@pytest.fixture
async def place(server, database):
    """The rooms of the running server, beside it."""
    environment = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    place = Place(database, settings.load(environment))
    await place.open()
    yield place
    await place.close()


class Page:
    """A page in a browser: the cookies that it has, and the API over one wire."""

    def __init__(self, place: Place, wire, http) -> None:
        self.place = place
        self.http = http
        self.wire = wire
        self.cookie = ""  # of the auth request
        self.session = ""

    async def come(self, **params: str):
        """Come from an application, to the sign-in page."""
        asked = {
            "response_type": "code",
            "client_id": self.place.client.id,
            "redirect_uri": REDIRECT_URI,
            "scope": "openid",
            "code_challenge": "c" * 43,
            "code_challenge_method": "S256",
            **params,
        }
        answer = await self.http.get(f"/oauth/authorize?{urlencode(asked)}")
        assert answer.status_code == 303, answer.text
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer.headers["location"]

    @property
    def auth(self):
        cookies = self.cookie
        if self.session:
            cookies += f"; {SessionCookie.of(Effective(self.place.settings)).name}={self.session}"
        return Api(self.wire, (("cookie", cookies),)).auth

    async def prove(self, code: str):
        """Give the code of the mail; return the API, with the cookie that is new by it."""
        before = self.cookie
        answer = await self.auth.verify_password_less_otp(otp_req={"code_challenge": code})
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        assert self.cookie.partition("=")[0] == before.partition("=")[0]
        assert self.cookie != before
        return self.auth

    def of(self, **headers: str):
        """The same API, asked with these headers too."""
        return Api(self.wire, self.auth.api.headers).sending(**headers).auth


@pytest.fixture
def page(place, wire, http):
    return Page(place, wire, http)


async def test_somebody_new_signs_up_by_it(page, place):
    location = await page.come(login_hint="somebody@new.example")
    auth, email = page.auth, f"{unique()}@new.example"
    answer = await auth.get_auth_state()
    assert answer["auth_state"] == "AUTHENTICATION_IN_PROGRESS"
    assert answer["login_hint"] == "somebody@new.example"
    found = await auth.discovery_auth_method(
        discovery_request={"email": email, "intent": "sign_up"}
    )
    method = found["auth_method"]
    assert method["connection_type"] == "PASSWORDLESS"
    assert (method["passwordless_type"], method["code_challenge_length"]) == ("LINK_OTP", 6)
    assert method["auth_initiation_uri"].endswith(location)
    answer = await auth.get_auth_state()
    assert answer["auth_state"] == "LINK_SENT_OTP_VERIFICATION_PENDING"
    assert answer["user"]["email"] == email
    await auth.resend_auth_passwordless()
    auth = await page.prove(await place.code(email))
    assert (await auth.get_auth_state())["auth_state"] == "ORGANIZATION_SIGNUP"
    listed = await auth.list_user_organizations()
    assert listed["organizations"] == []
    assert listed["intent"] == "sign_up"
    founded = await auth.signup_organization(
        organization_name="New", first_name="Ann", last_name="Bee"
    )
    assert founded["organization_name"] == "New"
    answer = await auth.get_auth_state()
    assert answer["auth_state"] == "ORGANIZATION_SELECTED"
    assert answer["user"] == {"email": email, "first_name": "Ann", "last_name": "Bee"}
    done = await page.http.get(location, headers={"cookie": page.cookie})
    assert done.headers["location"].startswith(f"{REDIRECT_URI}?code=")
    with refused("NOT_FOUND"):
        await auth.get_auth_state()


async def test_the_organizations_are_listed_with_invitations(page, place):
    home, inviting = await place.organization("Home"), await place.organization("Inviting")
    user = await place.member(home, email=f"{unique()}@acme.example")
    await place.join(inviting, user, invited=True)
    await page.come()
    auth = page.auth
    await auth.discovery_auth_method(discovery_request={"email": user.email, "intent": "sign_in"})
    with refused("INVALID_ARGUMENT"):
        await auth.list_user_organizations()
    auth = await page.prove(await place.code(user.email))
    assert (await auth.get_auth_state())["auth_state"] == "ORGANIZATION_SWITCHER"
    first, second = (await auth.list_user_organizations())["organizations"]
    assert (first["id"], first["membership_status"]) == (home.id, "ACTIVE")
    assert (second["id"], second["membership_status"]) == (inviting.id, "PENDING_INVITE")
    assert second["invitation_inviter_email"] == "boss@acme.example"
    assert second["invitation_created_at"] < second["invitation_expires_at"]


async def test_the_methods_are_those_that_are_on(page):
    await page.come()
    listed = (await page.auth.list_auth_methods())["auth_methods"]
    listed = [one for one in listed if one["connection_type"] != "OAUTH"]  # of other tests
    assert [one["connection_type"] for one in listed] == ["PASSWORDLESS", "WEBAUTHN"]
    assert listed[1]["show_passkey_button"]
    listed = (await page.auth.list_auth_methods(intent="sign_up"))["auth_methods"]
    kinds = [one["connection_type"] for one in listed if one["connection_type"] != "OAUTH"]
    assert kinds == ["PASSWORDLESS"]


async def test_a_wrong_code_is_an_error(page, place):
    user = await place.member(email=f"{unique()}@acme.example")
    await page.come()
    await page.auth.discovery_auth_method(
        discovery_request={"email": user.email, "intent": "sign_in"}
    )
    with refused("INVALID_ARGUMENT", "code"):
        await page.auth.verify_password_less_otp(otp_req={"code_challenge": "abcde"})
    with refused("INVALID_ARGUMENT", "otp_req.code_challenge"):
        await page.auth.verify_password_less_otp(otp_req={"code_challenge": "1"})
    with refused("INVALID_ARGUMENT", "otp_req"):
        await page.auth.verify_password_less_otp()
    with refused("INVALID_ARGUMENT", "discovery_request"):
        await page.auth.discovery_auth_method()


async def test_who_may_not_go_on_is_told(page, place):
    organization = await place.organization()
    user = await place.member(email=f"{unique()}@acme.example")
    await page.come(organization_id=organization.id)
    await page.auth.discovery_auth_method(
        discovery_request={"email": user.email, "intent": "sign_in"}
    )
    code = await place.code(user.email)
    with refused("PERMISSION_DENIED", says="not a member"):
        await page.auth.verify_password_less_otp(otp_req={"code_challenge": code})


async def test_without_the_cookie_there_is_no_sign_in(page):
    await page.come()
    name = page.cookie.partition("=")[0]
    for cookie in ("", f"{name}=x", f"{name}=", "other=1"):
        auth = Api(page.wire, (("cookie", cookie),)).auth
        for call in (
            auth.get_auth_state(),
            auth.list_auth_methods(),
            auth.list_user_organizations(),
            auth.resend_auth_passwordless(),
            auth.signup_organization(organization_name="Acme"),
        ):
            with refused("NOT_FOUND"):
                await call


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_page_of_somebody_else_may_change_nothing(page, headers):
    """Cross-site request forgery, with the cookies that the browser has."""
    await page.come()
    auth = page.of(**headers)
    for call in (
        auth.discovery_auth_method(discovery_request={"email": "a@b.example"}),
        auth.verify_password_less_otp(otp_req={"code_challenge": "123456"}),
        auth.resend_auth_passwordless(),
        auth.signup_organization(organization_name="Acme"),
        auth.logout(),
    ):
        with refused("PERMISSION_DENIED"):
            await call
    assert (await page.auth.get_auth_state())["auth_state"] == states.IN_PROGRESS


async def test_logout_ends_the_session_of_the_cookie(page, place):
    user = await place.member(email=f"{unique()}@acme.example")
    browser = Browser(place)
    await browser.sign_in_as(user)
    page.session = browser.session_secret
    assert await browser.session() is not None
    answer = await page.auth.logout()
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert await browser.session() is None
    await page.auth.logout()  # once more is no error


async def test_errors_are_shown_by_their_id(page, place):
    error_id = refusals.issue(place.db, Refusal.CLIENT_ID_MISSING)
    answer = await page.auth.get_auth_error(error_id=error_id)
    assert answer.data == {
        "error": "invalid_request",
        "error_description": "client_id is missing",
    }
    with refused("NOT_FOUND"):
        await page.auth.get_auth_error(error_id="err_1")
    with refused("INVALID_ARGUMENT", "error_id"):
        await page.auth.get_auth_error(error_id="areq_1")


async def test_how_pages_are_to_look(page, place):
    organization = await place.organization("Große & Co")
    answer = await page.auth.get_auth_customizations()
    assert set(answer["customization_settings"]) == {
        *("app_name", "logo_url", "color", "support_email"),
        *("favicon_url", "organization_name", "login", "portal"),
    }
    assert "organization_customizations" not in answer
    await page.come(organization_id=organization.id)
    shown = (await page.auth.get_auth_customizations())["organization_customizations"]
    assert shown["display_name"] == "Große & Co"
    await page.come(organization_id="org_1")
    assert "organization_customizations" not in await page.auth.get_auth_customizations()


async def test_what_is_on(page):
    features = (await page.auth.get_auth_features())["features"]
    assert features == {"sign_up": True, "sign_in_methods": ["email", "passkey"]}
