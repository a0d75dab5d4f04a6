"""The services of the contract that the server serves."""

from __future__ import annotations

from tenantry.gen.scalekit.v1.clients import clients_pb
from tenantry.gen.scalekit.v1.domains import domains_pb
from tenantry.gen.scalekit.v1.events import events_pb
from tenantry.gen.scalekit.v1.organizations import organizations_pb
from tenantry.gen.scalekit.v1.roles import roles_pb
from tenantry.gen.scalekit.v1.tokens import tokens_pb
from tenantry.gen.scalekit.v1.users import users_pb
from tenantry.gen.tenantry.v1 import client_settings_pb, webhooks_pb

# They answer a person who has signed in, which nobody can yet, and so are in no reference.
LATER = {"GetCurrentUser", "GetSupportHash"}
SERVICES = [
    service
    for file in (
        *(organizations_pb, users_pb, roles_pb, domains_pb),
        *(clients_pb, client_settings_pb, tokens_pb, events_pb, webhooks_pb),
    )
    for service in file.desc().services
]
