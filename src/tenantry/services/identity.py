"""Sign-ins, sessions, connections and operators."""

from __future__ import annotations

from tenantry.services.service import Service


def sessions() -> Service:
    from tenantry.gen.scalekit.v1.sessions import sessions_pb
    from tenantry.identity.sessions.rpc import SessionService

    return Service(sessions_pb, lambda _: (SessionService(),))


def passwordless() -> Service:
    from tenantry.gen.scalekit.v1.auth import passwordless_pb
    from tenantry.identity.authenticators.passwordless.rpc import PasswordlessService

    return Service(passwordless_pb, lambda c: (PasswordlessService(c.effective),))


def webauthn() -> Service:
    from tenantry.gen.scalekit.v1.auth import webauthn_pb
    from tenantry.identity.authenticators.passkeys.rpc import WebAuthnService
    from tenantry.identity.sessions.freshness import Freshness

    return Service(
        webauthn_pb,
        lambda c: (
            WebAuthnService(
                c.relying_party, Freshness.of(c.settings), is_modular=c.settings.is_modular
            ),
        ),
    )


def totp() -> Service:
    from tenantry.gen.scalekit.v1.auth import totp_pb
    from tenantry.identity.authenticators.totp.rpc import TOTPService

    return Service(totp_pb, lambda c: (TOTPService(issuer=c.relying_party.name),))


def second_factors() -> Service:
    from tenantry.gen.tenantry.v1 import second_factors_pb
    from tenantry.identity.authenticators.totp.rpc import SecondFactorService

    return Service(second_factors_pb, lambda _: (SecondFactorService(),))


def organization_policies() -> Service:
    from tenantry.gen.tenantry.v1 import organization_policies_pb
    from tenantry.identity.organization_policies.rpc import OrganizationPolicyService

    return Service(organization_policies_pb, lambda _: (OrganizationPolicyService(),))


def auth() -> Service:
    from tenantry.gen.scalekit.v1.auth import auth_pb
    from tenantry.identity.sign_in.rpc import AuthService

    return Service(
        auth_pb,
        lambda c: (
            AuthService(
                c.sign_in, browser_cookies=c.browser_cookies, session_cookie=c.session_cookie
            ),
        ),
    )


def connections() -> Service:
    from tenantry.gen.scalekit.v1.connections import connections_pb
    from tenantry.identity.connections.rpc import ConnectionService

    return Service(
        connections_pb,
        lambda c: (ConnectionService(c.effective, fetching=c.fetching, outgoing=c.outgoing),),
    )


def single_sign_on() -> Service:
    from tenantry.gen.tenantry.v1 import single_sign_on_pb
    from tenantry.identity.connections.rpc import SingleSignOnService

    return Service(
        single_sign_on_pb,
        lambda c: (SingleSignOnService(c.settings, fetching=c.fetching, outgoing=c.outgoing),),
    )


def saml_key_pairs() -> Service:
    from tenantry.gen.tenantry.v1 import saml_key_pairs_pb
    from tenantry.identity.connections.rpc import SamlKeyPairService

    return Service(saml_key_pairs_pb, lambda _: (SamlKeyPairService(),))


def auditlogs() -> Service:
    from tenantry.gen.scalekit.v1.auditlogs import auditlogs_pb
    from tenantry.identity.auth_log.rpc import AuditLogsService

    return Service(auditlogs_pb, lambda _: (AuditLogsService(),))


def sign_ins() -> Service:
    from tenantry.gen.tenantry.v1 import sign_ins_pb
    from tenantry.identity.auth_log.rpc import SignInService

    return Service(sign_ins_pb, lambda _: (SignInService(),))


def states() -> Service:
    from tenantry.gen.tenantry.v1 import states_pb
    from tenantry.identity.connections.rpc import ConnectionStateService
    from tenantry.tenants.directories.rpc import DirectoryStateService

    return Service(
        states_pb,
        lambda _: (
            ConnectionStateService(),
            DirectoryStateService(),
        ),
    )


def overview() -> Service:
    from tenantry.gen.tenantry.v1 import overview_pb
    from tenantry.identity.overview.rpc import OverviewService

    return Service(overview_pb, lambda c: (OverviewService(c.effective),))


def operators() -> Service:
    from tenantry.gen.tenantry.v1 import operators_pb
    from tenantry.identity.operators.rpc import OperatorService

    return Service(operators_pb, lambda c: (OperatorService(public_url=c.settings.public_url),))
