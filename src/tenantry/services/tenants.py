"""Organizations, people, directories and the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.services.service import Service, is_production

if TYPE_CHECKING:
    from tenantry.call import Call


def organizations() -> Service:
    from tenantry.gen.scalekit.v1.organizations import organizations_pb
    from tenantry.tenants.organizations.rpc import OrganizationService
    from tenantry.tenants.portal_links.rpc import PortalLinkService

    return Service(
        organizations_pb,
        lambda c: (
            OrganizationService(
                c.effective, region_code=c.settings.region, dismiss_members=_dismiss_members
            ),
            PortalLinkService(public_url=c.settings.public_url),
        ),
    )


def domains() -> Service:
    from tenantry.gen.scalekit.v1.domains import domains_pb
    from tenantry.tenants.domains.rpc import DomainService
    from tenantry.tenants.domains.verification import Resolver

    return Service(
        domains_pb,
        lambda c: (
            DomainService(
                Resolver(c.settings.dns_resolver),
                c.framing.get,
                txt_label=c.settings.domain_txt_label,
            ),
        ),
    )


def roles() -> Service:
    from tenantry.gen.scalekit.v1.roles import roles_pb
    from tenantry.tenants.roles.rpc import RolesService

    return Service(roles_pb, lambda _: (RolesService(),))


def users() -> Service:
    from tenantry.gen.scalekit.v1.users import users_pb
    from tenantry.tenants.memberships.rpc import MembershipService
    from tenantry.tenants.users.rpc import UserService

    return Service(
        users_pb,
        lambda c: (
            UserService(),
            MembershipService(
                c.effective,
                c.interceptors,
                c.rates,
                invites=not c.settings.is_modular,
                application_of=_application_of,
            ),
        ),
    )


def environments() -> Service:
    from tenantry.gen.scalekit.v1.environments import environments_pb
    from tenantry.identity.connections.rpc import ConnectionService, SamlCertificateService
    from tenantry.identity.sessions.rpc import CurrentSessionService
    from tenantry.tenants.branding.rpc import BrandingService
    from tenantry.tenants.environment.rpc import EnvironmentService
    from tenantry.tenants.organizations.rpc import OrganizationService

    return Service(
        environments_pb,
        lambda c: (
            EnvironmentService(c.effective, production=is_production(c)),
            BrandingService(c.effective),
            SamlCertificateService(),
            CurrentSessionService(
                OrganizationService(
                    c.effective,
                    region_code=c.settings.region,
                    dismiss_members=_dismiss_members,
                ),
                ConnectionService(c.effective, fetching=c.fetching, outgoing=c.outgoing),
                BrandingService(c.effective),
            ),
        ),
    )


def settings() -> Service:
    from tenantry.gen.tenantry.v1 import settings_pb
    from tenantry.tenants.environment.rpc import SettingService

    return Service(settings_pb, lambda c: (SettingService(c.effective),))


def directories() -> Service:
    from tenantry.gen.scalekit.v1.directories import directories_pb
    from tenantry.tenants.directories.rpc import DirectoryService

    return Service(directories_pb, lambda c: (DirectoryService(c.settings, c.outgoing),))


def directory_polling() -> Service:
    from tenantry.gen.tenantry.v1 import directory_polling_pb
    from tenantry.tenants.directories.polling.rpc import DirectoryPollingService

    return Service(
        directory_polling_pb, lambda c: (DirectoryPollingService(c.settings, c.outgoing),)
    )


def directory_requests() -> Service:
    from tenantry.gen.tenantry.v1 import directory_requests_pb
    from tenantry.tenants.directories.rpc import DirectoryRequestService

    return Service(directory_requests_pb, lambda _: (DirectoryRequestService(),))


def user_attributes() -> Service:
    from tenantry.gen.scalekit.v1.user_attributes import user_attributes_pb
    from tenantry.tenants.user_attributes.rpc import UserAttributeService

    return Service(user_attributes_pb, lambda _: (UserAttributeService(),))


async def _dismiss_members(call: Call, organization_id: str) -> None:
    from tenantry.tenants.memberships import leaving

    await leaving.dismiss_members(call, organization_id)


async def _application_of(call: Call) -> str | None:
    from tenantry.identity.sign_in import invitations

    return await invitations.application_of(call)
