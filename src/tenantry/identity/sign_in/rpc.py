"""AuthService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Empty, Struct

from tenantry.access.clients import reading as clients
from tenantry.access.clients.reading import ClientIdentifier
from tenantry.core import errors
from tenantry.core.times import timestamp
from tenantry.gen.scalekit.v1.auth import auth_pb as pb
from tenantry.gen.scalekit.v1.commons.commons_pb import OrganizationCustomizations
from tenantry.gen.scalekit.v1.connections.connections_pb import ConnectionType, PasswordlessType
from tenantry.identity.connections import reading as connections
from tenantry.identity.connections.federated_identities import FederatedIdentity as Federated
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import LOGOUT
from tenantry.identity.sign_in import choosing, login_requirements, verification
from tenantry.identity.sign_in.auth_requests import refusals, requests, states
from tenantry.identity.sign_in.auth_requests.browsers import check_page
from tenantry.identity.sign_in.factors import methods
from tenantry.identity.sign_in.factors.methods import EMAIL, PASSKEY
from tenantry.identity.sign_in.federated import completion
from tenantry.identity.sign_in.model import SIGN_IN, SIGN_UP
from tenantry.tenants.branding import customization
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.tenants.users import service as users

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.sessions.cookies import SessionCookie
    from tenantry.identity.sign_in.auth_requests.browsers import BrowserCookies
    from tenantry.identity.sign_in.choosing import Choice
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.factors.methods import Method
    from tenantry.identity.sign_in.model import AuthRequest
    from tenantry.settings import Settings


_CODE_LENGTH = 6
_INTENTS = {SIGN_IN: pb.Intent.sign_in, SIGN_UP: pb.Intent.sign_up}
_NAMES = {intent: name for name, intent in _INTENTS.items()}


class AuthService:
    """One async method per rpc. The newest sign-in that the browser has a cookie of is meant."""

    def __init__(
        self,
        dependencies: SignInDependencies,
        *,
        browser_cookies: BrowserCookies,
        session_cookie: SessionCookie,
    ) -> None:
        self._dependencies = dependencies
        self._browser_cookies = browser_cookies
        self._session_cookie = session_cookie

    @property
    def _settings(self) -> Settings:
        return self._dependencies.settings

    async def update_login_user_details(
        self, request: pb.UpdateLoginUserDetailsRequest, call: Call
    ) -> pb.UpdateLoginUserDetailsResponse:
        given = request.user
        if given is None:
            raise errors.InvalidArgument.field("user", "required", "is required")
        await self._check_organization(call, request.connection_id, given.organization_external_id)
        named = await completion.named(
            self._dependencies,
            call,
            request.login_request_id,
            request.connection_id,
            None if given.login_failed else _identity(given),
        )
        return pb.UpdateLoginUserDetailsResponse(auth_request_id=named.id)

    async def get_login_request_details(
        self, request: pb.GetLoginRequestDetailsRequest, call: Call
    ) -> pb.GetLoginRequestDetailsResponse:
        found = await requests.find_of_any(call.db, request.login_request_id)
        if found is None:
            raise errors.NotFound("auth request")
        client = await clients.get(call.db, ClientIdentifier(found.client_id, anywhere=True))
        return pb.GetLoginRequestDetailsResponse(
            auth_request=pb.AuthRequestDetails(id=found.id, scopes=found.params.scope.split()),
            client=pb.AuthRequestClient(
                client_id=client.id, sk_client_id=client.id, client_name=client.name
            ),
        )

    async def list_auth_methods(
        self, request: pb.ListAuthMethodsRequest, call: Call
    ) -> pb.ListAuthMethodsResponse:
        begun = await self._begun(call)
        offered = await methods.offered(call.db, self._settings, request.intent)
        social = await connections.social(call.db)
        return pb.ListAuthMethodsResponse(
            auth_methods=[
                *(self._method(method, begun) for method in offered),
                *(self._provider(one, begun) for one in social),
            ]
        )

    async def discovery_auth_method(
        self, request: pb.DiscoveryAuthMethodRequest, call: Call
    ) -> pb.DiscoveryAuthMethodResponse:
        check_page(call.origin, self._settings.public_url)
        given = request.discovery_request
        if given is None:
            raise errors.InvalidArgument.field("discovery_request", "required", "is required")
        begun, intent = await self._begun(call), _NAMES.get(given.intent, SIGN_IN)
        home = await login_requirements.enforced(call.db, given.email, begun.named)
        if home is not None:
            begun = await verification.start_email(
                self._dependencies, call, begun, email=given.email, intent=intent
            )
            return pb.DiscoveryAuthMethodResponse(auth_method=self._provider(home, begun))
        if self._settings.is_modular:
            raise errors.Modular
        offered = await methods.offered(call.db, self._settings, intent)
        if not offered:
            # A passkey is added to an account, and never the start of one.
            raise errors.InvalidArgument.field(
                "discovery_request.intent",
                "in",
                "sign-up is disabled because passkeys are the only sign-in method",
            )
        method = offered[0]
        if method.name == EMAIL:
            begun = await verification.start_email(
                self._dependencies, call, begun, email=given.email, intent=intent
            )
        return pb.DiscoveryAuthMethodResponse(auth_method=self._method(method, begun))

    async def verify_password_less_otp(
        self, request: pb.VerifyPasswordLessOtpRequest, call: Call
    ) -> pb.VerifyPasswordLessOtpResponse:
        check_page(call.origin, self._settings.public_url)
        if request.otp_req is None:
            raise errors.InvalidArgument.field("otp_req", "required", "is required")
        begun = await self._begun(call)
        proved = await verification.verify_code(
            self._dependencies, call, begun, request.otp_req.code_challenge
        )
        for cookie in self._browser_cookies.issue(proved):
            call.headers["set-cookie"] = cookie
        if proved.error is not None:
            raise errors.PermissionDenied(proved.error["error_description"])
        return pb.VerifyPasswordLessOtpResponse()

    async def resend_auth_passwordless(
        self, _request: pb.ResendAuthPasswordlessRequest, call: Call
    ) -> Empty:
        check_page(call.origin, self._settings.public_url)
        await verification.resend_email(call, await self._begun(call))
        return Empty()

    async def list_user_organizations(
        self, _request: Empty, call: Call
    ) -> pb.ListUserOrganizationsResponse:
        begun = await self._begun(call)
        found = await choosing.choices(call, begun)
        return pb.ListUserOrganizationsResponse(
            organizations=[_organization(choice) for choice in found],
            user=await _details(call, begun),
            intent=_INTENTS.get(begun.facts.intent, pb.Intent.sign_in),
        )

    async def signup_organization(
        self, request: pb.SignupOrganizationRequest, call: Call
    ) -> pb.SignupOrganizationResponse:
        check_page(call.origin, self._settings.public_url)
        founded = await choosing.sign_up(
            self._dependencies,
            call,
            await self._begun(call),
            organization_name=request.organization_name,
            first_name=request.first_name,
            last_name=request.last_name,
            full_name=request.full_name,
            phone_number=request.phone_number,
        )
        organization = await organizations.get(
            call, OrganizationIdentifier(founded.organization_id)
        )
        return pb.SignupOrganizationResponse(
            organization_id=organization.id, organization_name=organization.display_name
        )

    async def get_auth_state(
        self, _request: pb.GetAuthStateRequest, call: Call
    ) -> pb.GetAuthStateResponse:
        begun = await self._begun(call)
        shown = states.IN_PROGRESS if begun.state in states.OURS else begun.state
        return pb.GetAuthStateResponse(
            auth_state=pb.AuthState[shown],
            user=await _details(call, begun),
            login_hint=begun.params.login_hint or "",
        )

    async def get_auth_error(
        self, request: pb.GetAuthErrorRequest, call: Call
    ) -> pb.GetAuthErrorResponse:
        found = refusals.find(call.db, request.error_id)
        if found is None:
            raise errors.NotFound("error")
        said = found.refusal
        return pb.GetAuthErrorResponse(error=said.error, error_description=said.description)

    async def logout(self, _request: Empty, call: Call) -> Empty:
        check_page(call.origin, self._settings.public_url)
        secret = self._session_cookie.read(call.origin.cookies)
        session = await sessions.find(call.db, secret) if secret else None
        if session is not None:
            person = call.as_user(
                call.db,
                session.user_id,
                session.organization_id or None,
                session.id,
                impersonator=session.impersonator,
            )
            await sessions.end(person, session.id, status=LOGOUT)
        call.headers["set-cookie"] = self._session_cookie.clear()
        return Empty()

    async def get_auth_customizations(
        self, _request: pb.GetAuthCustomizationsRequest, call: Call
    ) -> pb.GetAuthCustomizationsResponse:
        known = self._settings
        answer = pb.GetAuthCustomizationsResponse(
            customization_settings=Struct.from_python(await customization.get(call.db, known)),
            settings=pb.PortalSettings(custom_branding=customization.is_own(known)),
        )
        begun = await self._find(call)
        named = begun.params.organization_id if begun else None
        if named is not None:
            try:
                found = await organizations.get(call, OrganizationIdentifier(named))
            except errors.NotFound:
                return answer
            shown = OrganizationCustomizations(
                organization_logo_branding=(
                    known.organization_branding
                    and found.branding is not None
                    and found.branding.custom
                ),
                display_name=found.display_name,
            )
            if found.logo_url is not None:
                shown.logo_url = found.logo_url
            answer.organization_customizations = shown
        return answer

    async def get_auth_features(self, _request: Empty, _call: Call) -> pb.GetAuthFeaturesResponse:
        known = self._settings
        return pb.GetAuthFeaturesResponse(
            features=Struct.from_python(
                {"sign_up": known.may_sign_up, "sign_in_methods": list(known.own_methods)}
            )
        )

    async def _find(self, call: Call) -> AuthRequest | None:
        secrets = self._browser_cookies.secrets(call.origin.cookies)
        return await requests.newest(call.db, secrets)

    async def _begun(self, call: Call) -> AuthRequest:
        found = await self._find(call)
        if found is None:
            raise errors.NotFound("auth request")
        return found

    async def _check_organization(
        self, call: Call, connection_id: str, external_id: str | None
    ) -> None:
        """Refuse the organization of somebody that is not the connection's."""
        if not external_id:
            return
        found = await connections.find(call.db, connection_id)
        if found is not None and found.organization_id is not None:
            organization = await organizations.get(
                call, OrganizationIdentifier(found.organization_id)
            )
            if organization.external_id == external_id:
                return
        raise errors.InvalidArgument.field(
            "user.organization_external_id", "in", "must be the organization of the connection"
        )

    def _provider(self, connection: Connection, begun: AuthRequest) -> pb.AuthMethod:
        path = login_requirements.start_path(begun, connection)
        return pb.AuthMethod(
            connection_id=connection.id,
            connection_type=ConnectionType[connection.type],
            provider=connection.provider_key or connection.provider,
            auth_initiation_uri=f"{self._settings.public_url}{path}",
        )

    def _method(self, method: Method, begun: AuthRequest) -> pb.AuthMethod:
        message = pb.AuthMethod(
            connection_id=method.connection_id,
            connection_type=ConnectionType[method.connection_type],
            provider=method.provider,
            auth_initiation_uri=f"{self._settings.public_url}/login/{begun.id}",
        )
        if method.name == EMAIL:
            message.passwordless_type = PasswordlessType.LINK_OTP
            message.code_challenge_length = _CODE_LENGTH
        if method.name == PASSKEY:
            message.show_passkey_button = True
            message.enable_webauthn_conditional_login = True
        return message


async def _details(call: Call, begun: AuthRequest) -> pb.UserDetails:
    """Return the person that signs in; the names only once it is proved to be this one."""
    details = pb.UserDetails(email=begun.email or "")
    if begun.user_id is not None and begun.state in states.PROVED:
        profile = (await users.get(call, users.UserIdentifier(begun.user_id))).profile
        details.first_name = profile.get("given_name", "")
        details.last_name = profile.get("family_name", "")
    return details


def _identity(given: pb.User) -> Federated:
    """Return somebody that an application vouches for, as of a provider."""
    claims = given.custom_attributes
    return Federated(
        subject=given.sub,
        email=given.email,
        email_verified=given.email_verified,
        profile={
            name: value
            for name in (
                *("given_name", "family_name", "name", "preferred_username", "picture"),
                *("gender", "locale", "phone_number"),
            )
            if (value := getattr(given, name))
        },
        groups=tuple(given.groups),
        claims={} if claims is None else claims.to_python(),
    )


def _organization(choice: Choice) -> pb.Organization:
    message = pb.Organization(
        id=choice.id, name=choice.name, membership_status=choice.membership_status
    )
    if choice.inviter_email is not None:
        message.invitation_inviter_email = choice.inviter_email
    if choice.expire_time is not None:
        message.invitation_created_at = timestamp(choice.create_time)
        message.invitation_expires_at = timestamp(choice.expire_time)
    elif choice.accept_time is not None:
        message.invitation_accepted_at = timestamp(choice.accept_time)
    if choice.logo_url is not None:
        message.logo_url = choice.logo_url
    return message
