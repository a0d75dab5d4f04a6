"""The details of a provider: by the address of its metadata, by a file, or by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import StringValue

from tenantry.api import descriptors
from tenantry.core import errors
from tenantry.endpoints.organization.single_sign_on.connection import Subject
from tenantry.gen.scalekit.v1.connections.connections_pb import (
    ConfigurationType,
    OIDCConnectionConfig,
    RequestBinding,
    SAMLConnectionConfigRequest,
)
from tenantry.gen.tenantry.v1.single_sign_on_pb import (
    ImportConnectionMetadataRequest,
    ReadCertificateRequest,
    ReadIssuerRequest,
    ReadMetadataRequest,
)
from tenantry.web import connections
from tenantry.web.forms import uploads

if TYPE_CHECKING:
    from tenantry.endpoints.organization.visit import Visit
    from tenantry.net.http import Response

_SAML = "connection.saml_config."
_OIDC = "connection.oidc_config."
# Fields of the forms by the paths that the API names.
_URL_FIELDS = {
    "metadata_url": "idp_metadata_url",
    f"{_SAML}idp_metadata_url": "idp_metadata_url",
    **dict.fromkeys(
        (f"{_SAML}idp_entity_id", f"{_SAML}idp_sso_url", f"{_SAML}idp_certificate"),
        "idp_metadata_url",
    ),
}
_FILE_FIELDS = {"metadata": "metadata"}
_SAML_FIELDS = {
    **{f"{_SAML}{name}": name for name in connections.SAML_TEXTS},
    f"{_SAML}idp_certificate": "certificate",
    f"{_SAML}idp_certificates": "certificate",
    "certificate": "certificate",
}
_OIDC_FIELDS = {
    "issuer": "issuer",
    **{
        f"{_OIDC}{name}": name
        for name in ("issuer", "client_id", "client_secret", *connections.OIDC_ENDPOINTS)
    },
}


class Details(Subject):
    async def show(self, visit: Visit) -> Response:
        """Show the details of the provider, with the forms that take them."""
        connection = await self.load(visit)
        certificates = [connections.certificate_of(one) for one in connection.certificates]
        theirs = {one.value: one for step in connection.steps for one in step.theirs}
        return self.render(visit, connection, "details", certificates=certificates, theirs=theirs)

    async def take_url(self, visit: Visit) -> Response:
        """Take the address of SAML metadata, once something can be read there."""
        connection, path = await self.load(visit), self.path(visit, "details")
        url = visit.request.form().get("idp_metadata_url", "").strip()
        given = {"idp_metadata_url": url}
        if not url:
            return self.amiss(visit, "idp_metadata_url", "required", path)
        try:
            # Asked beforehand: a wrong address does not take the place of a good one.
            await visit.api.single_sign_on.read_metadata(ReadMetadataRequest(metadata_url=url))
            config = SAMLConnectionConfigRequest(idp_metadata_url=StringValue(value=url))
            await self.update(visit, connection.update(config))
        except errors.InvalidArgument as problem:
            return self.refused(visit, problem, path, _URL_FIELDS, given)
        return self.site.done(self.path(visit), "sso_details")

    async def take_file(self, visit: Visit) -> Response:
        """Take SAML metadata as a file."""
        connection, path = await self.load(visit), self.path(visit, "details")
        file = (await uploads.read(visit.request)).files.get("metadata")
        if file is None:
            return self.amiss(visit, "metadata", "required", path)
        if len(file.content) > connections.MOST_METADATA:
            return self.amiss(visit, "metadata", "max_bytes", path)
        text = connections.text(file.content)
        if text is None:
            return self.amiss(visit, "metadata", "no_xml", path)
        request = ImportConnectionMetadataRequest(connection_id=connection.id, metadata=text)
        try:
            await visit.api.single_sign_on.import_connection_metadata(request)
        except errors.InvalidArgument as problem:
            return self.refused(visit, problem, path, _FILE_FIELDS)
        return self.site.done(self.path(visit), "sso_details")

    async def take_saml(self, visit: Visit) -> Response:
        """Take what a SAML provider says of itself, typed by hand."""
        connection, path = await self.load(visit), self.path(visit, "details")
        form = await uploads.read(visit.request)
        given = connections.without_keys(form.members)
        texts = {name: given.get(name, "").strip() for name in connections.SAML_TEXTS}
        for name in ("idp_entity_id", "idp_sso_url"):
            if not texts[name]:
                return self.amiss(visit, name, "required", path, given)
        # An address would bring its own metadata back with the next look.
        config = SAMLConnectionConfigRequest(
            idp_metadata_url=StringValue(value=""),
            idp_entity_id=StringValue(value=texts["idp_entity_id"]),
            idp_sso_url=StringValue(value=texts["idp_sso_url"]),
            idp_slo_url=StringValue(value=texts["idp_slo_url"]),
        )
        binding = texts["idp_sso_request_binding"]
        if binding in connections.CHOICES["idp_sso_request_binding"]:
            config.idp_sso_request_binding = descriptors.enum_value(RequestBinding, binding)
        certificate = connections.certificate(form)
        if certificate:
            config.idp_certificate = StringValue(value=certificate)
        elif not connection.certificates:
            return self.amiss(visit, "certificate", "required", path, given)
        try:
            await self.update(visit, connection.update(config))
        except errors.InvalidArgument as problem:
            return self.refused(visit, problem, path, _SAML_FIELDS, given)
        return self.site.done(self.path(visit), "sso_details")

    async def add(self, visit: Visit) -> Response:
        """Take one more certificate, beside those that there are."""
        connection, path = await self.load(visit), self.path(visit, "details")
        form = await uploads.read(visit.request)
        fields = dict.fromkeys((f"{_SAML}idp_certificate", "certificate"), "next_certificate")
        given = {"next_certificate": form.members.get("certificate", "")}
        certificate = connections.certificate(form)
        if not certificate:
            return self.amiss(visit, "next_certificate", "required", path)
        known = [one.certificate for one in connection.certificates]
        try:
            read = await visit.api.single_sign_on.read_certificate(
                ReadCertificateRequest(certificate=certificate)
            )
            assert read.certificate is not None
            await self.update(visit, connection.update(_of([*known, read.certificate.certificate])))
        except errors.InvalidArgument as problem:
            return self.refused(visit, problem, path, fields, connections.without_keys(given))
        return self.site.done(path, "sso_certificate_added")

    async def remove(self, visit: Visit) -> Response:
        """Take a certificate away."""
        connection, path = await self.load(visit), self.path(visit, "details")
        gone = visit.request.form().get("certificate_id", "")
        kept = [one.certificate for one in connection.certificates if one.id != gone]
        try:
            await self.update(visit, connection.update(_of(kept)))
        except errors.InvalidArgument:
            return self.amiss(visit, "", "last_certificate", path)
        return self.site.done(path, "sso_certificate_removed")

    async def take_oidc(self, visit: Visit) -> Response:
        """Take what an OpenID Provider says of itself, and our client there."""
        connection, path = await self.load(visit), self.path(visit, "details")
        form = {name: value.strip() for name, value in visit.request.form().items()}
        given = {name: value for name, value in form.items() if name != "client_secret"}
        needed = ["issuer", "client_id"]
        if not connection.text("client_secret"):
            needed.append("client_secret")
        for name in needed:
            if not form.get(name):
                return self.amiss(visit, name, "required", path, given)
        config = OIDCConnectionConfig(
            issuer=StringValue(value=form["issuer"]), client_id=StringValue(value=form["client_id"])
        )
        if form.get("client_secret"):
            config.client_secret = StringValue(value=form["client_secret"])
        by_hand = form.get("manual") == "true"
        if by_hand:
            for name in connections.OIDC_ENDPOINTS:
                setattr(config, name, StringValue(value=form.get(name, "")))
        try:
            if not by_hand:
                await visit.api.single_sign_on.read_issuer(ReadIssuerRequest(issuer=form["issuer"]))
            changed = connection.update(config)
            changed.configuration_type = (
                ConfigurationType.MANUAL if by_hand else ConfigurationType.DISCOVERY
            )
            await self.update(visit, changed)
        except errors.InvalidArgument as problem:
            return self.refused(visit, problem, path, _OIDC_FIELDS, given)
        return self.site.done(self.path(visit), "sso_details")


def _of(certificates: list[str]) -> SAMLConnectionConfigRequest:
    """Return the settings that replace the certificates of the provider."""
    return SAMLConnectionConfigRequest(idp_certificate=StringValue(value="\n".join(certificates)))
