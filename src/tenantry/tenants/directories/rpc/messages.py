"""Directories and their users and groups as messages of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Struct

from tenantry.core.caller import Kind
from tenantry.core.times import now, timestamp
from tenantry.db.sql.schema import to_json
from tenantry.gen.scalekit.v1.directories import directories_pb as pb
from tenantry.tenants.directories.model import ACTIVE, INACTIVE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from tenantry.call import Call
    from tenantry.tenants.directories.listing import Assignment
    from tenantry.tenants.directories.model import Directory, DirectoryGroup, DirectoryUser, Secret


def to_user(user: DirectoryUser, *, detail: bool) -> pb.DirectoryUser:
    name = user.document.get("name") or {}
    message = pb.DirectoryUser(
        id=user.id,
        email=user.email,
        preferred_username=user.user_name,
        given_name=name.get("givenName") or "",
        family_name=name.get("familyName") or "",
        updated_at=timestamp(user.update_time),
        emails=_addresses(user),
        groups=[pb.DirectoryGroup(id=id_, display_name=of) for id_, of in user.groups or ()],
    )
    if detail:
        message.user_detail = Struct.from_json(to_json(user.document))
    return message


def _addresses(user: DirectoryUser) -> list[str]:
    found = [user.email, *(one.get("value") for one in user.document.get("emails") or ())]
    return list(dict.fromkeys(address for address in found if address))


def to_group(group: DirectoryGroup, *, detail: bool) -> pb.DirectoryGroup:
    message = pb.DirectoryGroup(
        id=group.id,
        display_name=group.display_name,
        total_users=group.member_count,
        updated_at=timestamp(group.update_time),
    )
    if detail:
        message.group_detail = Struct.from_json(to_json(group.document))
    return message


def to_external_group(found: Mapping[str, Any], here: DirectoryGroup | None) -> pb.DirectoryGroup:
    """Return a group that the provider has, with its id here where it is here already."""
    message = pb.DirectoryGroup() if here is None else to_group(here, detail=False)
    name, email = found.get("name") or "", found.get("email") or ""
    message.display_name = name or email or found["id"]
    detail = {"external_id": found["id"], "display_name": name, "email": email}
    message.group_detail = Struct.from_json(to_json(detail))
    return message


def read_assignments(given: Sequence[Assignment]) -> pb.RoleAssignments:
    return pb.RoleAssignments(
        assignments=[
            pb.RoleAssignment(group_id=one.group_id, role_name=one.role_name, role_id=one.role_id)
            for one in given
        ]
    )


def is_by_program(call: Call) -> bool:
    """Whether an application calls: its directories take up at once what arrives.

    Somebody at a page enables one at the end of its guide, and is asked before one is deleted.
    """
    return call.caller.kind is Kind.MANAGEMENT_CLIENT


def to_provider(value: pb.DirectoryProvider) -> str:
    return "DIRECTORY_PROVIDER_UNSPECIFIED" if value == pb.DirectoryProvider(0) else value.name


def to_mappings(directory: Directory) -> pb.AttributeMappings:
    return pb.AttributeMappings(
        attributes=[
            pb.AttributeMapping(key=key, map_to=map_to)
            for key, map_to in sorted(directory.attribute_mapping.items())
        ]
    )


def to_secret(secret: Secret) -> pb.Secret:
    message = pb.Secret(
        id=secret.id,
        create_time=timestamp(secret.create_time),
        secret_suffix=secret.suffix,
        status=pb.SecretStatus[ACTIVE if secret.in_force(now()) else INACTIVE],
        directory_id=secret.directory_id,
    )
    if secret.expire_time is not None:
        message.expire_time = timestamp(secret.expire_time)
    if secret.last_used_time is not None:
        message.last_used_time = timestamp(secret.last_used_time)
    return message
