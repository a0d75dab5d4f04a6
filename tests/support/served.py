"""The services of the contract that the server serves."""

from __future__ import annotations

from tenantry.gen.scalekit.v1.auditlogs import auditlogs_pb
from tenantry.gen.scalekit.v1.auth import auth_pb, passwordless_pb, totp_pb, webauthn_pb
from tenantry.gen.scalekit.v1.clients import clients_pb
from tenantry.gen.scalekit.v1.connections import connections_pb
from tenantry.gen.scalekit.v1.directories import directories_pb
from tenantry.gen.scalekit.v1.domains import domains_pb
from tenantry.gen.scalekit.v1.emails import emails_pb
from tenantry.gen.scalekit.v1.environments import environments_pb
from tenantry.gen.scalekit.v1.events import events_pb
from tenantry.gen.scalekit.v1.interceptors import interceptors_pb
from tenantry.gen.scalekit.v1.keys import keys_pb
from tenantry.gen.scalekit.v1.organizations import organizations_pb
from tenantry.gen.scalekit.v1.roles import roles_pb
from tenantry.gen.scalekit.v1.sessions import sessions_pb
from tenantry.gen.scalekit.v1.tokens import tokens_pb
from tenantry.gen.scalekit.v1.user_attributes import user_attributes_pb
from tenantry.gen.scalekit.v1.users import users_pb
from tenantry.gen.tenantry.v1 import (
    api_token_records_pb,
    client_settings_pb,
    deployment_pb,
    directory_polling_pb,
    directory_requests_pb,
    email_previews_pb,
    event_records_pb,
    interceptor_secrets_pb,
    mail_pb,
    operators_pb,
    organization_policies_pb,
    overview_pb,
    saml_key_pairs_pb,
    second_factors_pb,
    settings_pb,
    sign_ins_pb,
    signing_keys_pb,
    single_sign_on_pb,
    states_pb,
    webhooks_pb,
)

SERVICES = [
    service
    for file in (
        *(organizations_pb, organization_policies_pb, users_pb, roles_pb, domains_pb),
        *(clients_pb, client_settings_pb, tokens_pb, events_pb, webhooks_pb),
        sessions_pb,
        passwordless_pb,
        *(webauthn_pb, totp_pb),
        *(auth_pb, auditlogs_pb, connections_pb, user_attributes_pb),
        *(single_sign_on_pb, sign_ins_pb, environments_pb, directories_pb),
        directory_polling_pb,
        *(emails_pb, email_previews_pb),
        directory_requests_pb,
        *(states_pb, overview_pb, second_factors_pb, settings_pb),
        *(api_token_records_pb, signing_keys_pb, event_records_pb, mail_pb),
        *(saml_key_pairs_pb, keys_pb, deployment_pb),
        *(interceptors_pb, interceptor_secrets_pb, operators_pb),
    )
    for service in file.desc().services
]
