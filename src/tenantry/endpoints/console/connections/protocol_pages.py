"""The protocol of a connection: what its provider says of itself, and how we speak to it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from protobuf.wkt import BoolValue, StringValue

from tenantry.api import descriptors
from tenantry.core import errors
from tenantry.endpoints.console import forms
from tenantry.endpoints.console.connections import connection, protocol
from tenantry.endpoints.console.connections.protocol import CHOSEN, OAUTH, SWITCHES, TEXTS
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.scalekit.v1.connections.connections_pb import (
    ConfigurationType,
    ConnectionProvider,
    OIDCConnectionConfig,
    SAMLConnectionConfigRequest,
)
from tenantry.gen.tenantry.v1.single_sign_on_pb import (
    AttributeMapping,
    ConnectionSettings,
    GetConnectionSettingsRequest,
    GroupRoles,
    ImportConnectionMetadataRequest,
    ReadCertificateRequest,
    ReadIssuerRequest,
    ReadMetadataRequest,
    UpdateConnectionSettingsRequest,
)
from tenantry.web import connections
from tenantry.web.connections import MANUAL, OIDC, OIDC_ENDPOINTS, SAML
from tenantry.web.forms import uploads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.endpoints.console.connections.protocol import Protocol
    from tenantry.gen.scalekit.v1.connections.connections_pb import UpdateConnection
    from tenantry.net.http import Response

_LIMIT = 2 * connections.MOST_METADATA
_CONFIG = {**connections.CONFIG, OAUTH: "oauth_config"}
SCOPES = ("profile", "email", "address", "phone")  # beside openid, which is always asked for
# Scopes of the Tenantry API.
FURTHER = {
    **connections.FURTHER,
    OIDC: ("private_key_jwt", *connections.FURTHER[OIDC]),
    OAUTH: (),
}
FURTHER_TEXTS = {SAML: (), OIDC: ("end_session_uri", "login_uri"), OAUTH: ("login_uri",)}
_HAND = ("idp_entity_id", "idp_sso_url", "idp_slo_url")
_CLIENT = ("issuer", "discovery_endpoint", "client_id")


def _fields() -> dict[str, str]:
    """Return the ids of the forms' fields by the paths that the API names."""
    found = {"metadata_url": "idp_metadata_url", "metadata": "metadata", "issuer": "issuer"}
    for type_, config in _CONFIG.items():
        names = (*SWITCHES[type_], *CHOSEN[type_], *TEXTS[type_], *_HAND, *_CLIENT)
        for name in (*names, *OIDC_ENDPOINTS, "client_secret", "idp_metadata_url"):
            found[f"connection.{config}.{name}"] = name
        found |= {f"settings.{name}": name for name in (*FURTHER[type_], *FURTHER_TEXTS[type_])}
    found |= {f"connection.{name}": name for name in ("ui_button_title", "key_id")}
    for name in ("certificate", "connection.saml_config.idp_certificate"):
        found[name] = "certificate"
    found["connection.oauth_config.extensions.extra_authorize_params"] = "extra_authorize_params"
    return found


_FIELDS = _fields()


def pages(site: ConsoleSite) -> list[Page]:
    protocols = _Protocols(site)
    root = "/connections/{id}/protocol"
    return [
        Page("GET", root, protocols.show),
        Page("POST", f"{root}/metadata", protocols.take_metadata, body_limit=_LIMIT),
        Page("POST", f"{root}/saml", protocols.take_saml),
        Page("POST", f"{root}/oidc", protocols.take_oidc),
        Page("POST", f"{root}/settings", protocols.save),
        Page("POST", f"{root}/further", protocols.save_further),
        Page("POST", f"{root}/certificates/add", protocols.add),
        Page("POST", f"{root}/certificates/remove", protocols.remove),
    ]


class _Protocols:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """Show all of it, with a form for each part."""
        found = await protocol.find(visit)
        type_, id_ = found.type, found.message.id
        further: ConnectionSettings | None = None
        # A connection of an application, by which nobody signs in, has none.
        with contextlib.suppress(errors.NotFound):
            answer = await visit.api.single_sign_on.get_connection_settings(
                GetConnectionSettingsRequest(connection_id=id_)
            )
            further = answer.settings
        known = further or ConnectionSettings()
        return self._site.render(
            visit,
            "connections",
            "connections/protocol.html",
            one=found.message,
            type=type_,
            configuration_type=descriptors.enum_name(found.message.configuration_type),
            protocol=found,
            organization_id=found.organization_id,
            organization_name=found.organization_name,
            simulated=found.message.provider is ConnectionProvider.IDP_SIMULATOR,
            certificates=[connections.certificate_of(one) for one in found.certificates],
            endpoints=OIDC_ENDPOINTS,
            scopes=[(one, one, "") for one in SCOPES] if type_ == OIDC else [],
            asked_scopes=found.scopes,
            switches=SWITCHES[type_],
            switched_on=[name for name in SWITCHES[type_] if found.is_on(name)],
            choices=CHOSEN[type_],
            settings_texts=TEXTS[type_],
            params=_lines(found.params),
            further=further,
            further_switches=FURTHER[type_],
            further_on=[name for name in FURTHER[type_] if getattr(known, name)],
            further_texts={name: getattr(known, name) for name in FURTHER_TEXTS[type_]},
            roles=_lines(known.group_roles.roles if known.group_roles else {}),
            mapping=_lines(known.attribute_mapping.attributes if known.attribute_mapping else {}),
            shown=protocol.written(found.config, further),
            here=visit.path("connections", id_, "protocol"),
            tabs=connection.tabs_of(visit, found.message, "protocol"),
        )

    async def take_metadata(self, visit: Visit) -> Response:
        """Take SAML metadata: the address of it, or a file."""
        found = await protocol.find(visit, SAML)
        form = await uploads.read(visit.request)
        url, file = form.members.get("idp_metadata_url", "").strip(), form.files.get("metadata")
        given = {"idp_metadata_url": url}
        try:
            if url:
                if not found.is_tried_out:
                    request = ReadMetadataRequest(metadata_url=url)
                    await visit.api.single_sign_on.read_metadata(request)
                config = SAMLConnectionConfigRequest(idp_metadata_url=StringValue(value=url))
                await protocol.change(visit, found, found.update(config))
            else:
                content = b"" if file is None else file.content
                text = connections.text(content[: connections.MOST_METADATA + 1])
                if not text or len(content) > connections.MOST_METADATA:
                    raise errors.InvalidArgument.field(
                        "metadata" if content else "metadata_url",
                        "required",
                        "must be a URL or an XML file of up to 256 KiB",
                    )
                await visit.api.single_sign_on.import_connection_metadata(
                    ImportConnectionMetadataRequest(connection_id=found.message.id, metadata=text)
                )
        except errors.InvalidArgument as problem:
            return self._wrong(visit, problem, given, "metadata" if file and not url else "")
        return self._done(visit)

    async def take_saml(self, visit: Visit) -> Response:
        """Take what a SAML provider says of itself, typed by hand; certificates may stay."""
        found, form = await protocol.find(visit, SAML), visit.request.form()
        given = connections.without_keys(form)
        config = SAMLConnectionConfigRequest(
            # An address would bring its own metadata back with the next look.
            idp_metadata_url=StringValue(value="")
        )
        for name in _HAND:
            setattr(config, name, StringValue(value=form.get(name, "").strip()))
        pasted = form.get("certificate", "").strip()
        if pasted:
            config.idp_certificate = StringValue(value=pasted)
        return await self._send(visit, found, found.update(config), given)

    async def take_oidc(self, visit: Visit) -> Response:
        """Take what an OpenID Provider says of itself, and our client there."""
        found = await protocol.find(visit, OIDC)
        form = {name: value.strip() for name, value in visit.request.form().items()}
        given = {name: value for name, value in form.items() if name != "client_secret"}
        config = OIDCConnectionConfig(
            issuer=StringValue(value=form.get("issuer", "")),
            client_id=StringValue(value=form.get("client_id", "")),
        )
        asked, document = form.get("issuer", ""), form.get("discovery_endpoint", "")
        if document != found.text("discovery_endpoint"):
            config.discovery_endpoint = StringValue(value=document)
            asked = document or asked
        if form.get("client_secret"):
            config.client_secret = StringValue(value=form["client_secret"])
        by_hand = form.get("configuration_type") == MANUAL
        if by_hand:
            for name in OIDC_ENDPOINTS:
                setattr(config, name, StringValue(value=form.get(name, "")))
        changed = found.update(config)
        changed.configuration_type = (
            ConfigurationType.MANUAL if by_hand else ConfigurationType.DISCOVERY
        )
        try:
            if asked and not by_hand and not found.is_tried_out:
                await visit.api.single_sign_on.read_issuer(ReadIssuerRequest(issuer=asked))
            await protocol.change(visit, found, changed)
        except errors.InvalidArgument as problem:
            return self._wrong(visit, problem, given)
        return self._done(visit)

    async def save(self, visit: Visit) -> Response:
        """Take the settings of the protocol."""
        found, form = await protocol.find(visit), visit.request.form()
        given = {**form, "form": "settings"}
        try:
            changed = found.update(protocol.settings_of(found.type, form))
        except errors.InvalidArgument as problem:
            return self._wrong(visit, problem, given)
        changed.debug_enabled = BoolValue(value=form.get("debug_enabled") == "true")
        if "ui_button_title" in form:
            changed.ui_button_title = StringValue(value=form["ui_button_title"].strip())
        if form.get("key_id", "").strip():
            changed.key_id = form["key_id"].strip()
        return await self._send(visit, found, changed, given)

    async def save_further(self, visit: Visit) -> Response:
        """Take the settings that the Scalekit API lacks."""
        form, id_ = visit.request.form(), visit.request.params["id"]
        type_ = (await protocol.find(visit)).type
        settings = ConnectionSettings()
        for name in FURTHER[type_]:
            setattr(settings, name, form.get(name) == "true")
        for name in FURTHER_TEXTS[type_]:
            if name in form:
                setattr(settings, name, form[name].strip())
        try:
            if "group_roles" in form:
                roles = forms.named(form, "group_roles", "settings.group_roles", by_last=True)
                settings.group_roles = GroupRoles(roles=roles)
            if "attribute_mapping" in form:
                names = forms.named(form, "attribute_mapping", "settings.attribute_mapping")
                settings.attribute_mapping = AttributeMapping(attributes=names)
            await visit.api.single_sign_on.update_connection_settings(
                UpdateConnectionSettingsRequest(connection_id=id_, settings=settings)
            )
        except errors.InvalidArgument as problem:
            return self._wrong(visit, problem, {**form, "form": "further"})
        return self._done(visit)

    async def add(self, visit: Visit) -> Response:
        """Take one more certificate, beside those that there are."""
        pasted = visit.request.form().get("next_certificate", "").strip()
        found = await protocol.find(visit, SAML)
        known = [one.certificate for one in found.certificates]
        try:
            read = await visit.api.single_sign_on.read_certificate(
                ReadCertificateRequest(certificate=pasted)
            )
            assert read.certificate is not None
            config = _of_certificates([*known, read.certificate.certificate])
            await protocol.change(visit, found, found.update(config))
        except errors.InvalidArgument as problem:
            given = connections.without_keys({"next_certificate": pasted})
            return self._wrong(visit, problem, given, "next_certificate")
        return self._done(visit)

    async def remove(self, visit: Visit) -> Response:
        """Take a certificate away."""
        gone = visit.request.form().get("certificate_id", "")
        found = await protocol.find(visit, SAML)
        kept = [one.certificate for one in found.certificates if one.id != gone]
        return await self._send(visit, found, found.update(_of_certificates(kept)), {})

    async def _send(
        self,
        visit: Visit,
        found: Protocol,
        changed: UpdateConnection,
        given: Mapping[str, str],
    ) -> Response:
        try:
            await protocol.change(visit, found, changed)
        except errors.InvalidArgument as problem:
            return self._wrong(visit, problem, given)
        return self._done(visit)

    def _wrong(
        self, visit: Visit, problem: errors.Error, given: Mapping[str, str], place: str = ""
    ) -> Response:
        """Return the redirect to the page, which tells it at ``place`` where one is given."""
        fields = dict(_FIELDS)
        for one in problem.violations:
            for name in ("group_roles", "attribute_mapping"):
                if one.field.startswith(f"settings.{name}"):
                    fields[one.field] = name
            if place:
                fields[one.field] = place
        return self._site.wrong(visit, problem, self._path(visit), fields, given)

    def _done(self, visit: Visit) -> Response:
        return self._site.done(self._path(visit), "changed")

    def _path(self, visit: Visit) -> str:
        return visit.path("connections", visit.request.params["id"], "protocol")


def _of_certificates(pems: Sequence[str]) -> SAMLConnectionConfigRequest:
    """Return the settings that replace the certificates of the provider."""
    return SAMLConnectionConfigRequest(idp_certificate=StringValue(value="\n".join(pems)))


def _lines(pairs: Mapping[str, str]) -> str:
    return "\n".join(f"{name} = {value}" for name, value in pairs.items())
