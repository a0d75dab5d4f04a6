"""The page of a sign-in, as its state asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.access.clients.uris import return_targets
from tenantry.core import errors
from tenantry.core.times import now
from tenantry.endpoints.login import consent
from tenantry.endpoints.login.steps import FormInput
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.connections import reading
from tenantry.identity.connections.providers import provider_names
from tenantry.identity.known_origins import cookies as device_cookies
from tenantry.identity.sign_in import choosing, login_requirements, policy_steps
from tenantry.identity.sign_in.auth_requests import states
from tenantry.identity.sign_in.model import RESET_PASSWORD, SIGN_UP
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.policy import OrganizationPolicy, Refusal
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.web import branding, setup_keys
from tenantry.web.forms.problems import NONE
from tenantry.web.site import query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.endpoints.login.site import LoginSite
    from tenantry.identity.sign_in.choosing import Choice
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.model import AuthRequest
    from tenantry.net.http import Request, Response
    from tenantry.web.branding import Brand
    from tenantry.web.words import Words

# The pages of each state: the first one, unless the query member `page` names another.
_PAGES = {
    states.IN_PROGRESS: ("sign_in", "sign_up", "reset"),
    states.LINK_OTP_SENT: ("code", "sign_in", "sign_up", "reset"),
    states.SSO_PENDING: ("sso", "sign_in", "sign_up", "reset"),
    states.VERIFICATION_SENT: ("code",),
    states.SECOND_FACTOR_PENDING: ("second_factor", "recovery"),
    states.SECOND_FACTOR_SETUP: ("second_factor_setup",),
    states.POLICY_REFUSED: ("policy_refused",),
    states.PASSWORD_CHOICE: ("new_password",),
    states.ORGANIZATION_SWITCHER: ("organizations",),
    states.ORGANIZATION_SWITCHER_SIGNUP: ("organizations", "organization"),
    states.ORGANIZATION_SIGNUP: ("organization",),
    states.CONSENT_PENDING: ("consent",),
}
# The texts of each rule of a policy that ends a sign-in.
_REFUSALS = {Refusal.NETWORK: "network", Refusal.SSO: "sso", Refusal.METHOD: "method"}
# Pages that share a template.
_TEMPLATES = {"sign_up": "sign_in", "recovery": "second_factor"}


class SignInPage:
    """Renders the page that an auth request waits for."""

    def __init__(self, site: LoginSite, dependencies: SignInDependencies) -> None:
        self._site = site
        self._dependencies = dependencies

    @property
    def _methods(self) -> tuple[str, ...]:
        return self._dependencies.settings.own_methods

    @property
    def _may_sign_up(self) -> bool:
        """Return whether users may create organizations; an account cannot start with a passkey."""
        return self._dependencies.settings.may_sign_up and self._methods != ("passkey",)

    async def render(self, request: Request, found: AuthRequest) -> Response:
        page = self._which(found, query(request, "page"))
        failed = self._site.problems(request)
        if failed.page not in {"", page}:
            failed = NONE
        given = FormInput(failed.given)
        values: dict[str, Any] = {
            "path": path_of(found),
            "page": page,
            "given": given,
            "email": given["email"] or found.email or found.params.login_hint or "",
            "notice": found.facts.notice.lower(),
            "methods": self._methods,
            "may_sign_up": self._may_sign_up,
            "inbox": found.state == states.VERIFICATION_SENT,
            "is_sent": self._may_sign_up and found.facts.intent != RESET_PASSWORD,
            "other_page": self._page_of_intent(found),
            "is_known": bool(device_cookies.read(request.headers.get("cookie", ""))),
            "waits": f"{path_of(found)}/waits" if page == "code" else "",
            "sent_again": query(request, "sent") == "again",
        }
        if page == "sso":
            values["start"] = login_requirements.start_path(found)
            values["may_choose"] = not self._is_fixed(found)
            values["provider"] = await self._provider(found)
        elif page in {"sign_in", "sign_up"}:
            values["social"] = await self._social(found)
        elif page == "consent":
            values |= await consent.values(self._site.call(request), found)
        elif page in {"second_factor_setup", "policy_refused"}:
            values |= await self._of_policy(request, found)
        logos: list[str] = []
        if page in {"organizations", "organization"}:
            choices = await choosing.choices(self._site.call(request), found)
            logos = [logo for choice in choices if (logo := branding.shown_logo(choice.logo_url))]
            is_both = found.state == states.ORGANIZATION_SWITCHER_SIGNUP
            values["choices"] = choices
            values["may_sign_up"] = values["may_choose"] = is_both
            values |= await self._where(request, found, choices)
        return self._site.show(
            request,
            f"{_TEMPLATES.get(page, page)}.html",
            self.words(request, found),
            failed,
            brand=await self.brand(request, found),
            logos=logos,
            **values,
        )

    async def _of_policy(self, request: Request, found: AuthRequest) -> dict[str, Any]:
        """Return what the sign-in policy of the organization asks for, and why."""
        call = self._site.call(request)
        organization = await policy_steps.organization_of(call, found)
        values: dict[str, Any] = {"organization": organization.display_name}
        if found.state == states.SECOND_FACTOR_SETUP:
            registration = await policy_steps.registration_of(call, found)
            deadline = found.facts.enrollment_deadline
            return values | {
                "key": setup_keys.grouped(totp.secret(self._site.db, registration)),
                "deadline": deadline if deadline > now() else 0,
            }
        policy = organization.policy or OrganizationPolicy()
        refusal = _REFUSALS[Refusal(found.facts.refusal)]
        return values | {
            "refusal": refusal,
            "address": request.origin.address,
            "allowed": policy.methods if refusal == "method" else (),
        }

    async def _where(
        self, request: Request, found: AuthRequest, choices: Sequence[Choice]
    ) -> dict[str, Any]:
        """Return the organization of the current session, to mark it and to offer to stay in it."""
        session = await self._site.session(request) if found.facts.session_id else None
        here = session.organization_id if session is not None else ""
        named = next((choice.name for choice in choices if choice.id == here), "")
        wants_to_found = "create" in found.params.prompt
        return {
            "here": here,
            "stays_in": named if found.params.organization_id is None else "",
            "has_session": bool(found.facts.session_id),
            "is_limited": wants_to_found and found.state == states.ORGANIZATION_SWITCHER,
            "is_new": found.user_id is None,
        }

    async def _provider(self, found: AuthRequest) -> str:
        """Return the name of the social provider that somebody is to go to, "" for an own one."""
        named = await reading.find(self._site.db, found.facts.sso.rpartition("/")[2])
        return "" if named is None or named.organization_id else provider_names.of(named)

    async def _social(self, found: AuthRequest) -> list[tuple[str, str, str]]:
        """Return the social providers: where each begins, the title of its button, or its name."""
        return [
            (login_requirements.start_path(found, one), one.ui_button_title, provider_names.of(one))
            for one in await reading.social(self._site.db)
        ]

    def _which(self, found: AuthRequest, wanted: str) -> str:
        there = _PAGES[found.state]
        if found.state == states.SSO_PENDING and self._is_fixed(found):
            there = there[:1]
        if not wanted and found.state == states.IN_PROGRESS:
            wanted = "sign_up" if "create" in found.params.prompt else ""
        if not wanted and found.facts.session_id and "create" in found.params.prompt:
            wanted = "organization"
        off = {"sign_up": not self._may_sign_up, "reset": "password" not in self._methods}
        return wanted if wanted in there and not off.get(wanted) else there[0]

    def _page_of_intent(self, found: AuthRequest) -> str:
        """Return the page that asks for the email address, by the purpose of the request."""
        if found.facts.intent == RESET_PASSWORD and "password" in self._methods:
            return "reset"
        return "sign_up" if found.facts.intent == SIGN_UP and self._may_sign_up else "sign_in"

    def _is_fixed(self, found: AuthRequest) -> bool:
        """Return whether a request that waits for a provider has no alternative."""
        return self._dependencies.settings.is_modular or found.params.connection_id is not None

    def words(self, request: Request, found: AuthRequest | None) -> Words:
        return self._site.words(request, () if found is None else found.params.ui_locales)

    async def brand(self, request: Request, found: AuthRequest) -> Brand:
        """Return the brand of the organization that the application named, if it has its own.

        Else that of the deployment; of the application, while nobody has set one.
        """
        theme = self._site.pages.theme
        brand = theme.brand
        if not brand.is_set:
            brand = brand.of_client(await return_targets.name_of(self._site.db, found.client_id))
        named = found.params.organization_id
        if named is None:
            return brand
        try:
            organization = await organizations.get(
                self._site.call(request), OrganizationIdentifier(named)
            )
        except errors.NotFound:
            return brand
        return theme.within(organization, brand)


def path_of(found: AuthRequest) -> str:
    """Return the path of the page."""
    return f"/login/{found.id}"
