"""The pages of connections, by their addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.organization.single_sign_on.attributes import Attributes
from tenantry.endpoints.organization.single_sign_on.choosing import Choosing
from tenantry.endpoints.organization.single_sign_on.details import Details
from tenantry.endpoints.organization.single_sign_on.options import Options
from tenantry.endpoints.organization.single_sign_on.overview import Overview
from tenantry.endpoints.organization.single_sign_on.test_results import TestResultPages
from tenantry.endpoints.organization.visit import Page
from tenantry.web.frames.areas import SSO

if TYPE_CHECKING:
    from tenantry.endpoints.organization.visit import OrganizationSite

# Metadata as it may be read, and a form around it.
_METADATA_LIMIT = 384 << 10


def pages(site: OrganizationSite) -> list[Page]:
    choosing, overview, details = Choosing(site), Overview(site), Details(site)
    attributes, trying, options = Attributes(site), TestResultPages(site), Options(site)
    return [
        Page("GET", "", choosing.list, SSO),
        Page("GET", "/new", choosing.providers, SSO),
        Page("GET", "/new/{guide}", choosing.protocols, SSO),
        Page("POST", "/new/{guide}", choosing.create, SSO),
        Page("GET", "/{id}", overview.show, SSO),
        Page("POST", "/{id}/enable", overview.enable, SSO),
        Page("POST", "/{id}/disable", overview.disable, SSO),
        Page("POST", "/{id}/delete", overview.delete, SSO),
        Page("GET", "/{id}/guide", overview.guide, SSO),
        Page("GET", "/{id}/details", details.show, SSO),
        Page("POST", "/{id}/details/url", details.take_url, SSO),
        Page("POST", "/{id}/details/file", details.take_file, SSO, body_limit=_METADATA_LIMIT),
        Page("POST", "/{id}/details/saml", details.take_saml, SSO, body_limit=_METADATA_LIMIT),
        Page("POST", "/{id}/details/oidc", details.take_oidc, SSO),
        Page("POST", "/{id}/certificates", details.add, SSO, body_limit=_METADATA_LIMIT),
        Page("POST", "/{id}/certificates/remove", details.remove, SSO),
        Page("GET", "/{id}/attributes", attributes.show, SSO),
        Page("POST", "/{id}/attributes", attributes.save, SSO),
        Page("GET", "/{id}/test", trying.show, SSO),
        Page("GET", "/{id}/settings", options.show, SSO),
        Page("POST", "/{id}/settings", options.save, SSO),
        Page("POST", "/{id}/domains", options.assign, SSO),
    ]
