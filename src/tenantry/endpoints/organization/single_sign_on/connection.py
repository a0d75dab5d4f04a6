"""A connection as its pages show it, and what all its handlers share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from protobuf import Enum, Oneof
from protobuf.wkt import BoolValue, StringValue

from tenantry.api import descriptors
from tenantry.core import errors
from tenantry.gen.scalekit.v1.connections.connections_pb import (
    ConfigurationType,
    ConnectionProvider,
    ConnectionStatus,
    GetConnectionRequest,
    OIDCConnectionConfig,
    SAMLConnectionConfigRequest,
    SAMLConnectionConfigResponse,
    UpdateConnection,
    UpdateConnectionRequest,
)
from tenantry.gen.tenantry.v1.sign_ins_pb import SignInError
from tenantry.identity.connections.guides import explanations
from tenantry.identity.connections.guides.guides import Guide, guides
from tenantry.identity.connections.providers import provider_names
from tenantry.web.connections import CONFIG, SAML, expiry_state
from tenantry.web.forms.problems import Problems
from tenantry.web.frames.areas import DOMAINS, SSO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.api.in_process import InProcessClient
    from tenantry.endpoints.organization.visit import OrganizationSite, Visit
    from tenantry.gen.scalekit.v1.connections.connections_pb import (
        Connection,
        IDPCertificate,
        ListConnection,
    )
    from tenantry.gen.tenantry.v1.sign_ins_pb import LastSignIns
    from tenantry.gen.tenantry.v1.single_sign_on_pb import ConnectionTest
    from tenantry.i18n.guide_steps import Step
    from tenantry.identity.connections.guides.explanations import ExplainedError
    from tenantry.net.http import Response
    from tenantry.web.words import Words

# Guides of providers that the contract has no name for: they are told apart by provider_key.
WITH_KEY = ("keycloak", "shibboleth", "simplesamlphp")
# Details of a provider, one of which is there once somebody has begun with them.
_THEIRS = ("idp_metadata_url", "idp_entity_id", "idp_sso_url", "issuer", "client_id")


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """One connection: the message of the API, and what pages make of it."""

    message: Connection
    language: str = "en"  # of the reader, for the guide

    @property
    def id(self) -> str:
        return self.message.id

    @property
    def type(self) -> str:
        """SAML or OIDC."""
        return self.message.type.name

    @property
    def is_saml(self) -> bool:
        """Whether it speaks SAML."""
        return self.type == SAML

    @property
    def protocol(self) -> str:
        """The name of its protocol for people."""
        return "SAML 2.0" if self.is_saml else "OpenID Connect"

    @property
    def config(self) -> SAMLConnectionConfigResponse | OIDCConnectionConfig:
        """The settings of its protocol."""
        found = self.message.settings.value if self.message.settings else None
        if isinstance(found, SAMLConnectionConfigResponse | OIDCConnectionConfig):
            return found
        return SAMLConnectionConfigResponse() if self.is_saml else OIDCConnectionConfig()

    @property
    def certificates(self) -> Sequence[IDPCertificate]:
        """The certificates of its provider."""
        config = self.config
        return config.idp_certificates if isinstance(config, SAMLConnectionConfigResponse) else ()

    def text(self, name: str) -> str:
        """Return a setting of its protocol that is a text, "" for none."""
        value = getattr(self.config, name, "")
        return value.value if isinstance(value, StringValue) else value or ""

    def is_on(self, name: str) -> bool:
        """Whether a setting of its protocol is on."""
        value = getattr(self.config, name, None)
        return isinstance(value, BoolValue) and value.value

    def choice(self, name: str) -> str:
        """Return the name of the choice that a setting of its protocol is, "" for none."""
        value = getattr(self.config, name, None)
        return descriptors.enum_name(value) if isinstance(value, Enum) else ""

    @property
    def is_enabled(self) -> bool:
        """Whether people sign in by it."""
        return self.message.enabled

    @property
    def is_complete(self) -> bool:
        """Whether it has all that a sign-in needs."""
        return self.message.status is ConnectionStatus.COMPLETED

    @property
    def is_begun(self) -> bool:
        """Whether something of the provider is there."""
        return any(self.text(name) for name in _THEIRS)

    @property
    def is_simulated(self) -> bool:
        """Whether it leads to the provider that this server plays."""
        return self.message.provider is ConnectionProvider.IDP_SIMULATOR

    @property
    def is_manual(self) -> bool:
        """Whether its endpoints were typed by hand."""
        return self.message.configuration_type is ConfigurationType.MANUAL

    @property
    def guide(self) -> Guide:
        """The guide of its provider."""
        return guide_of(self.message, self.language)

    @property
    def is_generic(self) -> bool:
        """Whether its provider has no separate guide."""
        return self.guide.id in {"saml", "oidc"}

    @property
    def name(self) -> str:
        """The name of its provider for people."""
        return name_of(self.message)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the guide for its protocol."""
        return steps_of(self.guide, self.type)

    @property
    def status(self) -> tuple[str, str]:
        """The key of its status in the words, and the kind of its pill."""
        return status_of(self.message)

    def update(
        self, config: SAMLConnectionConfigRequest | OIDCConnectionConfig
    ) -> UpdateConnection:
        """Return an update with these settings of the protocol."""
        provider = self.message.provider
        if isinstance(config, OIDCConnectionConfig):
            oidc: Oneof[Literal["oidc_config"], OIDCConnectionConfig] = Oneof("oidc_config", config)
            return UpdateConnection(provider=provider, settings=oidc)
        saml: Oneof[Literal["saml_config"], SAMLConnectionConfigRequest]
        saml = Oneof("saml_config", config)
        return UpdateConnection(provider=provider, settings=saml)


def status_of(connection: Connection | ListConnection) -> tuple[str, str]:
    """Return the key of a connection's status in the words, and the kind of its pill."""
    if connection.status is not ConnectionStatus.COMPLETED:
        return "sso_status.unfinished", ""
    return ("sso_status.enabled", "good") if connection.enabled else ("sso_status.ready", "waiting")


def guide_of(connection: Connection | ListConnection, language: str = "en") -> Guide:
    """Return the guide for a connection's provider; one for any where it has none."""
    key, type_ = connection.provider_key, connection.type.name
    if connection.provider is ConnectionProvider.CUSTOM:
        own = key.lower() if key.lower() in WITH_KEY and key.isupper() else ""
        if own and steps_of(guide(own, language), type_):
            return guide(own, language)
        return guide(type_.lower(), language)
    provider = descriptors.enum_name(connection.provider)
    found = next((one for one in guides(language) if one.provider == provider), None)
    if found is None or not steps_of(found, type_):
        return guide(type_.lower(), language)
    return found


def guide(id_: str, language: str = "en") -> Guide:
    """Return a guide by its id, in a language."""
    found = next((one for one in guides(language) if one.id == id_), None)
    if found is None:
        raise errors.NotFound("guide")
    return found


def steps_of(guide_: Guide, type_: str) -> tuple[Step, ...]:
    """Return the steps of a guide for a protocol."""
    return guide_.saml if type_ == SAML else guide_.oidc


def name_of(connection: Connection | ListConnection) -> str:
    """Return the name of a connection's provider for people."""
    own, key = guide_of(connection), connection.provider_key
    if own.id not in {"saml", "oidc"}:
        return own.name
    if key and key != "CUSTOM":
        return provider_names.display_name("", key) if key.isupper() else key
    return "Custom SAML" if own.id == "saml" else "Custom OpenID Connect"


def said(words: Words, error: SignInError | ConnectionTest) -> ExplainedError:
    """Return an error of a sign-in or of a test as the API says it, for the reader."""
    hint = error.remedy if isinstance(error, SignInError) else error.error_details
    return explanations.say(words.language, error.error, error.error_description, hint)


def expiry_of(last: LastSignIns) -> str:
    """Return how the certificates of a connection's provider stand: "good", "soon" or "over"."""
    return expiry_state(last.certificates_expire_time)


def domains_of(
    connection: ListConnection, serving: Mapping[str, ListConnection]
) -> list[dict[str, str]]:
    """Return the domains that lead to a connection of a list, each with the one that serves it.

    Its id is "" where none does.
    """
    found = []
    for domain in connection.domains:
        other = serving.get(domain)
        name = "" if other is None else other.ui_button_title or name_of(other)
        found.append({"name": domain, "id": "" if other is None else other.id, "by": name})
    return found


class Subject:
    """The base of all handlers."""

    def __init__(self, site: OrganizationSite) -> None:
        self.site = site

    async def load(self, visit: Visit) -> ConnectionView:
        """Return the connection that a visit is of."""
        request = GetConnectionRequest(
            organization_id=visit.organization.id, id=visit.request.params["id"]
        )
        connection = (await visit.api.connections.get_connection(request)).connection
        if connection is None or connection.type.name not in CONFIG:
            raise errors.NotFound("connection")
        return ConnectionView(connection, visit.words.language)

    async def update(
        self, visit: Visit, connection: UpdateConnection, api: InProcessClient | None = None
    ) -> None:
        """Change the connection that a visit is of; ``api`` is one for several calls."""
        request = UpdateConnectionRequest(
            organization_id=visit.organization.id,
            id=visit.request.params["id"],
            connection=connection,
        )
        await (api or visit.api).connections.update_connection(request)

    async def domain_warning(self, visit: Visit) -> dict[str, Any]:
        """Return what a page needs to warn of an organization without a verified domain."""
        return {
            "has_domain": await visit.has_verified_domain(),
            "domains_page": visit.path(DOMAINS) if visit.sees(DOMAINS) else "",
        }

    def path(self, visit: Visit, *segments: str) -> str:
        """Return the address of a page of the connection that a visit is of."""
        return visit.path(SSO, visit.request.params["id"], *segments)

    def render(
        self, visit: Visit, connection: ConnectionView, page: str, **values: Any
    ) -> Response:
        """Return a page of a connection; ``page`` is the last segment of its address."""
        return self.site.render(
            visit,
            SSO,
            f"single_sign_on/{page or 'overview'}.html",
            connection=connection,
            page=page,
            manages=visit.manages(SSO),
            **values,
        )

    def refused(
        self,
        visit: Visit,
        problem: errors.Error,
        path: str,
        fields: Mapping[str, str],
        given: Mapping[str, str] | None = None,
    ) -> Response:
        """Return the redirect to the page of a form that the API did not take.

        As `OrganizationSite.wrong`; the reason stands beside its field: by the rule that it breaks,
        or, where that is a fault of a protocol, in its own words.
        """
        found = next((one for one in problem.violations if one.field in fields), None)
        if found is None:
            return self.site.wrong(visit, problem, path, fields, given)
        words, place = visit.words, fields[found.field]
        key = f"sso_refusal.{found.constraint.rpartition('.')[2]}"
        kept = dict(given or {})
        if found.constraint in {"metadata", "certificate"}:
            key = "sso_refusal.told"
            told = explanations.say_fault(words.language, found.description)
            kept["told"] = f"{told.description} {told.remedy}".strip()
        key = key if words.has(key) else "refusal.field"
        return self.site.failed(visit.request, Problems({place: key}, kept), path)

    def amiss(
        self, visit: Visit, field: str, key: str, path: str, given: Mapping[str, str] | None = None
    ) -> Response:
        """Return the redirect to the page of a form with one field that is wrong."""
        problems = Problems({field: f"sso_refusal.{key}"}, given or {})
        return self.site.failed(visit.request, problems, path)
