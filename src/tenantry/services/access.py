"""Clients, API tokens and keys."""

from __future__ import annotations

from tenantry.services.service import Service, is_production


def clients() -> Service:
    from tenantry.access.clients.rpc import ClientService, ResourceClientService
    from tenantry.access.resources.rpc import ResourceService
    from tenantry.access.scopes.rpc import ScopeService
    from tenantry.gen.scalekit.v1.clients import clients_pb
    from tenantry.identity.consents.rpc import ConsentService

    return Service(
        clients_pb,
        lambda c: (
            ClientService(
                production=is_production(c), api_access=c.settings.application_api_access
            ),
            ScopeService(),
            ResourceService(production=is_production(c), public_url=c.settings.public_url),
            ResourceClientService(production=is_production(c)),
            ConsentService(),
        ),
    )


def client_settings() -> Service:
    from tenantry.access.clients.rpc import ClientSettingsService
    from tenantry.gen.tenantry.v1 import client_settings_pb

    return Service(client_settings_pb, lambda _: (ClientSettingsService(),))


def tokens() -> Service:
    from tenantry.access.api_tokens.rpc import ApiTokenService
    from tenantry.gen.scalekit.v1.tokens import tokens_pb

    return Service(
        tokens_pb,
        lambda c: (
            ApiTokenService(c.api_tokens, c.api_token_uses, prefix=c.settings.api_token_prefix),
        ),
    )


def api_token_records() -> Service:
    from tenantry.access.api_tokens.rpc import ApiTokenRecordService
    from tenantry.gen.tenantry.v1 import api_token_records_pb

    return Service(api_token_records_pb, lambda _: (ApiTokenRecordService(),))


def signing_keys() -> Service:
    from tenantry.access.keys.rpc import SigningKeyService
    from tenantry.gen.tenantry.v1 import signing_keys_pb

    return Service(signing_keys_pb, lambda _: (SigningKeyService(),))


def keys() -> Service:
    from tenantry.access.data_keys.rpc import KeyManagementService
    from tenantry.gen.scalekit.v1.keys import keys_pb

    return Service(keys_pb, lambda _: (KeyManagementService(),))
