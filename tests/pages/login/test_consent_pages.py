"""Consent: the page, the effect of its buttons, and attempts to avoid it."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from apis import unique
from hosted import VERIFIER, Application, answered, heading
from mcp_resources import CALLBACK, Resources, registration

DATABASES = ("sqlite",)


class Asked:
    """A client that registered itself at a resource, and a member who signs in for it."""

    def __init__(self, place, resource, application) -> None:
        self.place = place
        self.resource = resource
        self.application = application

    @classmethod
    async def make(cls, place: Any, http: Any, resource: Any = None, **changes: Any) -> Asked:
        resource = resource or await Resources(place.api, place.database)()
        response = await http.post(
            f"/resources/{resource.id}/register", json=registration(**changes)
        )
        assert response.status_code == 201, response.text
        made = response.json()
        return cls(place, resource, Application(made["client_id"], "", made["redirect_uris"][0]))

    async def member(self, *organizations: str):
        """A user who is a member of these organizations."""
        first, *others = organizations or ((await self.place.make.organization())["id"],)
        user = await self.place.make.user(first, email=f"{unique('user')}@example.com")
        for other in others:
            await self.place.api.users.create_membership(
                organization_id=other, id=user["id"], membership={}, send_invitation_email=False
            )
        return user

    async def reach(self, visitor: Any, user: Any, **members: Any):
        """Sign in up to the page that asks for consent."""
        await visitor.begin(self.application, **members)
        sent = await visitor.prove(user["email"])
        if "organizations" in (await visitor.page()).text:
            return sent
        assert sent.headers["location"] == visitor.path, sent.headers["location"]
        return await visitor.page()


@pytest.fixture
async def asked(place, visitor):
    return await Asked.make(place, visitor.http)


def text_of(page):
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.text)))


async def test_a_user_allows_a_client(place, visitor, asked):
    user = await asked.member()
    page = await asked.reach(visitor, user)
    assert page.status_code == 200
    assert heading(page) == f"Allow Client to access {asked.resource.name}?"
    said = text_of(page)
    for expected in (
        "Not verified",
        "Anyone can register an app under this name",
        "Access is sent to client.example.",
        "View your email address",
        user["email"],
    ):
        assert expected in said, expected
    sent = await visitor.step("consent", decision="allow")
    answer = answered(sent, CALLBACK)
    assert set(answer) == {"code", "state", "iss"}

    # Remembered: the next request is answered at once.
    again = await visitor.get(asked.application.path())
    assert "code" in answered(again, CALLBACK)
    # But not for more.
    more = await visitor.get(asked.application.path(scope="openid profile email phone"))
    assert more.headers["location"].startswith("/login/areq_")
    # And not if the client wants the user to be asked.
    prompted = await visitor.get(asked.application.path(prompt="consent"))
    visitor.path = prompted.headers["location"]
    assert heading(await visitor.page()).startswith("Allow Client")
    assert "code" in answered(await visitor.step("consent", decision="allow"), CALLBACK)


async def test_a_user_denies_a_client(visitor, asked):
    await asked.reach(visitor, await asked.member())
    answer = answered(await visitor.step("consent", decision="deny"), CALLBACK)
    assert answer["error"] == "access_denied"
    assert "code" not in answer
    assert (await visitor.page()).status_code == 410


async def test_a_consent_is_of_one_client_and_organization(place, visitor, asked):
    one = (await place.make.organization())["id"]
    other = (await place.make.organization())["id"]
    user = await asked.member(one, other)
    await visitor.begin(asked.application)
    await visitor.prove(user["email"])
    await visitor.step("organization", organization_id=one)
    page = await visitor.page()
    assert re.search(rf'<option value="{one}" selected>', page.text)
    assert f'<option value="{other}">' in page.text
    sent = await visitor.step("consent", decision="allow", organization_id=other)
    code = answered(sent, CALLBACK)["code"]
    tokens = await visitor.http.post(
        "/oauth/token",
        data={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": asked.application.id,
            "code_verifier": VERIFIER,
        },
    )
    assert tokens.status_code == 200, tokens.text

    # The session is in the other organization now; for the first one the user is asked.
    assert "code" in answered(await visitor.get(asked.application.path()), CALLBACK)
    first = await visitor.get(asked.application.path(organization_id=one))
    visitor.path = first.headers["location"]
    page = await visitor.page()
    assert heading(page).startswith("Allow Client")
    assert f'name="organization_id" value="{one}"' in page.text
    assert other not in page.text
    refused = await visitor.refused("consent", decision="allow", organization_id=other)
    assert "This organization isn't available" in refused.text

    # Another client of the same resource is not covered.
    second = await Asked.make(place, visitor.http, asked.resource, client_name="Other")
    sent = await visitor.get(second.application.path())
    visitor.path = sent.headers["location"]
    assert heading(await visitor.page()).startswith("Allow Other")


@pytest.mark.parametrize("decision", ["", "yes", "ALLOW"])
async def test_other_decisions_are_refused(visitor, asked, decision):
    await asked.reach(visitor, await asked.member())
    await visitor.refused("consent", decision=decision)


async def test_silent_requests_need_a_consent(visitor, asked):
    user = await asked.member()
    await asked.reach(visitor, user)
    await visitor.step("consent", decision="allow")
    path = asked.application.path(prompt="none")
    assert "code" in answered(await visitor.get(path), CALLBACK)
    path = asked.application.path(prompt="none", scope="openid phone")
    assert answered(await visitor.get(path), CALLBACK)["error"] == "consent_required"


async def test_an_application_of_the_operator_needs_no_consent(place, visitor, asked):
    application = await place.application()
    user = await asked.member()
    await visitor.begin(application, prompt="consent")
    assert "code" in answered(await visitor.prove(user["email"]))


async def test_the_form_is_taken_from_our_pages_only(place, visitor, asked):
    await asked.reach(visitor, await asked.member())
    path = f"{visitor.path}/consent"
    for headers in (
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": "null"},
        {},
    ):
        sent = await visitor.post(path, headers, decision="allow")
        assert sent.status_code == 403
    async with place.visitor() as stranger:
        sent = await stranger.post(path, decision="allow")
        assert sent.status_code == 410
    assert (await visitor.get(path)).status_code in {303, 404, 405}
    assert heading(await visitor.page()).startswith("Allow Client")


async def test_the_page_cannot_be_framed_and_loads_nothing_of_the_client(visitor, place):
    asked = await Asked.make(
        place,
        visitor.http,
        logo_uri="https://client.example/logo.png",
        policy_uri="https://client.example/privacy",
    )
    page = await asked.reach(visitor, await asked.member())
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "client.example" not in policy
    assert "logo.png" not in page.text
    assert 'href="https://client.example/privacy" rel="noopener noreferrer"' in page.text
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "shown", "warns"),
    [
        ("Сlaude", "Сlaude", True),
        ("<script>alert(1)</script>", "<script>alert(1)</script>", False),
        ("Claude\u202egpj.exe\u200b", "Claudegpj.exe", False),
        ("A" * 2000, "A" * 59 + "…", False),
        ("\u200b", "MCP client at client.example", False),
    ],
)
async def test_names_are_shown_safely(visitor, place, name, shown, warns):
    asked = await Asked.make(place, visitor.http, client_name=name)
    page = await asked.reach(visitor, await asked.member())
    assert heading(page) == f"Allow {shown} to access {asked.resource.name}?"
    assert "<script>alert" not in page.text
    assert ("look like other letters" in text_of(page)) is warns


async def test_a_client_is_not_shown_as_the_product(place, visitor, asked):
    """The header and the links of our pages are those of the product, not of a third party."""
    page = await asked.reach(visitor, await asked.member())
    assert "<bdi>Acme Projects</bdi>" in page.text.split("</header>")[0]
    await visitor.step("consent", decision="deny")
    over = await visitor.page()
    assert "client.example" not in over.text


async def test_codes_go_to_registered_addresses_only(visitor, asked):
    for uri in (
        "https://client.example/callback/",
        "https://client.example.evil.example/callback",
        "https://client.example/callback?next=https://evil.example",
        "https://evil.example/callback",
        "http://localhost/callback",
    ):
        sent = await visitor.get(asked.application.path(redirect_uri=uri))
        assert sent.headers["location"].startswith("/login/error/")


async def test_a_person_without_an_organization_can_only_deny(place, visitor, asked):
    user = await asked.member()
    await asked.reach(visitor, user)
    membership = user["memberships"][0]["organization_id"]
    await place.api.users.delete_membership(organization_id=membership, id=user["id"])
    page = await visitor.page()
    assert "Allow</button>" not in page.text
    refused = await visitor.step("consent", decision="allow", organization_id=membership)
    assert "code" not in refused.headers["location"]


@pytest.fixture
async def selecting(place, visitor):
    """A client of a resource whose users may grant fewer scopes than are requested."""
    resources = Resources(place.api, place.database)
    scopes = [await resources.permission(text) for text in ("Read invoices", "Send invoices")]
    resource = await resources(scopes=scopes, resource_scope_selection_allowed=True)
    return await Asked.make(place, visitor.http, resource)


def boxes_of(page):
    """The scopes that the page offers, and whether each is ticked."""
    boxes = re.findall(r'<input type="checkbox" name="scopes-([^"]+)"( checked)?>', page.text)
    return {html.unescape(name): bool(checked) for name, checked in boxes}


async def test_a_user_grants_fewer_scopes_than_are_requested(visitor, selecting):
    first, second = selecting.resource.scopes
    whole = f"openid {first} {second}"
    page = await selecting.reach(visitor, await selecting.member(), scope=whole)
    assert boxes_of(page) == {first: True, second: True}
    assert "Read invoices" in text_of(page)
    answer = answered(await visitor.step("consent", decision="allow", **ticked(first)), CALLBACK)
    tokens = await redeemed(visitor, selecting, answer["code"])
    assert tokens["scope"] == f"openid {first}"
    # Remembered: the granted scopes need no answer, and the others are asked for unticked.
    again = await visitor.get(selecting.application.path(scope=f"openid {first}"))
    assert "code" in answered(again, CALLBACK)
    silent = await visitor.get(selecting.application.path(scope=whole, prompt="none"))
    assert answered(silent, CALLBACK)["error"] == "consent_required"
    visitor.path = (await visitor.get(selecting.application.path(scope=whole))).headers["location"]
    assert boxes_of(await visitor.page()) == {first: True, second: False}
    # The other way round: a scope that is no longer ticked is no longer granted.
    answer = answered(await visitor.step("consent", decision="allow", **ticked(second)), CALLBACK)
    assert (await redeemed(visitor, selecting, answer["code"]))["scope"] == f"openid {second}"
    refreshed = await visitor.http.post(
        f"/resources/{selecting.resource.id}/token",
        data={
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
            "client_id": selecting.application.id,
        },
    )
    assert refreshed.json()["scope"] == "openid"


@pytest.mark.parametrize("ticks", ["none", "unknown", "of another resource"])
async def test_a_selection_is_checked_by_the_server(place, visitor, selecting, ticks):
    other = await Resources(place.api, place.database).permission()
    first, second = selecting.resource.scopes
    await selecting.reach(visitor, await selecting.member(), scope=f"{first} {second}")
    wrong = {"none": {}, "unknown": ticked(first, "x"), "of another resource": ticked(other)}
    page = await visitor.refused("consent", decision="allow", **wrong[ticks])
    assert "Select at least one permission, or deny access." in text_of(page)
    assert boxes_of(page) == {first: True, second: True}
    denied = answered(await visitor.step("consent", decision="deny"), CALLBACK)
    assert denied["error"] == "access_denied"


async def test_a_single_scope_is_not_selected(visitor, selecting):
    scope = selecting.resource.scopes[0]
    page = await selecting.reach(visitor, await selecting.member(), scope=scope)
    assert boxes_of(page) == {}
    answer = answered(await visitor.step("consent", decision="allow"), CALLBACK)
    assert (await redeemed(visitor, selecting, answer["code"]))["scope"] == scope


def ticked(*scopes: str) -> dict[str, str]:
    return {f"scopes-{scope}": "on" for scope in scopes}


async def redeemed(visitor, asked, code):
    answer = await visitor.http.post(
        f"/resources/{asked.resource.id}/token",
        data={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": asked.application.id,
            "code_verifier": VERIFIER,
        },
    )
    assert answer.status_code == 200, answer.text
    return answer.json()
