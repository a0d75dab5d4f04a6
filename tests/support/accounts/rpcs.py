"""Every rpc of users, roles and domains, with a request that it answers, read off descriptors."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apis import Service, snake_case, unique
from protobuf import (
    DescFieldValueList,
    DescFieldValueMap,
    DescFieldValueMessage,
    DescFieldValueScalar,
    DescMessage,
    ScalarType,
)

from tenantry.gen.scalekit.v1.domains import domains_pb
from tenantry.gen.scalekit.v1.options import options_pb
from tenantry.gen.scalekit.v1.roles import roles_pb
from tenantry.gen.scalekit.v1.users import users_pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apis import Api
    from factories import Make
    from protobuf import DescMethod
    from wires import Answer

_SERVICES = [module.desc().services[0] for module in (users_pb, roles_pb, domains_pb)]
METHODS: dict[str, DescMethod] = {
    snake_case(method.name): method for service in _SERVICES for method in service.methods
}
# The caller of these has signed in.
OF_SESSIONS = {"get_current_user", "get_support_hash"}
# The members of requests that name the organization.
ORGANIZATION = {"organization_id", "org_id"}
# The permissions that a portal session may have; which of them depends on what its link was for.
PORTAL_READS, PORTAL_WRITES = "organizations_read", "organizations_write"
_PORTAL, _ANYBODY = 32, 1


@contextmanager
def about(*what: object) -> Iterator[None]:
    """Say of a failure inside what it was about; thousands of subtests would take a minute."""
    try:
        yield
    except BaseException as problem:
        problem.add_note(f"about {' '.join(map(repr, what))}")
        raise


def call(api: Api, rpc: str, request: dict[str, Any]) -> Any:
    """Make one call; a coroutine."""
    return getattr(Service(api, METHODS[rpc].parent), rpc)(**request)


def is_public(rpc: str) -> bool:
    """Whether the contract lets anybody call."""
    return bool(_auth(rpc).authentication_type & _ANYBODY)


def portal_permissions(rpc: str) -> set[str]:
    """Of the permissions that a portal may have, those that the contract wants for this."""
    auth = _auth(rpc)
    if not auth.authentication_type & _PORTAL:
        return set()
    return {PORTAL_READS, PORTAL_WRITES} & set(auth.permissions)


def _auth(rpc: str) -> Any:
    return METHODS[rpc].proto.options[options_pb.ext_auth_option]


@dataclass
class World:
    """An organization with one of everything in it, and the roles of its environment."""

    organization: dict[str, Any]
    user: dict[str, Any]  # an active member
    invited: dict[str, Any]
    stranger: dict[str, Any]  # a member elsewhere
    own_role: dict[str, Any]  # of the organization, held by `user`, extends `role`
    base: dict[str, Any]  # of the environment
    role: dict[str, Any]  # of the environment, extends `base`
    permission: dict[str, Any]  # that `role` has
    domain: dict[str, Any]

    @classmethod
    async def made(cls, make: Make, api: Api) -> World:
        """A new one."""
        organization = await make.organization(external_id=unique())
        permission = await make.permission()
        base = await make.role()
        role = await make.role(extends=base["name"], permissions=[permission["name"]])
        own = await make.organization_role(organization["id"], extends=role["name"])
        user = await make.user(
            organization["id"],
            external_id=unique(),
            membership={"roles": [{"name": own["name"]}, {"name": "member"}]},
        )
        answer = await api.users.create_user_and_membership(
            organization_id=organization["id"], user={"email": f"{unique()}@example.com"}
        )
        stranger = await make.user()
        domain = await make.domain(organization["id"])
        return cls(
            organization, user, answer["user"], stranger, own, base, role, permission, domain
        )

    def request(self, rpc: str) -> dict[str, Any]:
        """The request for this rpc; a new text wherever something must be unique."""
        organization = {"organization_id": self.organization["id"]}
        org = {"org_id": self.organization["id"]}
        user = {"id": self.user["id"]}
        held = {**organization, "user_id": self.user["id"]}
        role, own = {"role_name": self.role["name"]}, {"role_name": self.own_role["name"]}
        permission = {"permission_name": self.permission["name"]}
        domain = {**organization, "id": self.domain["id"]}
        name = unique("n").replace("-", "_")
        new = {"name": name, "display_name": "New"}
        profile = {
            "given_name": "Ada",
            "family_name": "Lovelace",
            "name": "Ada Lovelace",
            "locale": "en-GB",
            "phone_number": "+14155550123",
            "preferred_username": "ada",
            "picture": "https://example.com/ada.png",
            "gender": "female",
            "first_name": "Ada",
            "last_name": "Lovelace",
            "groups": ["engineers"],
            "metadata": {"key": "value"},
            "custom_attributes": {"key": "value"},
        }
        named = {"roles": [{"id": self.own_role["id"], "name": self.own_role["name"]}]}
        membership = {**named, "metadata": {"key": name}}
        requests: dict[str, dict[str, Any]] = {
            "get_user": user,
            "list_users": {"page_size": 3},
            "search_users": {"query": self.user["email"], "page_size": 3},
            "search_organization_users": {
                **organization,
                "query": self.user["email"],
                "page_size": 3,
            },
            "update_user": {
                **user,
                "user": {
                    "external_id": unique(),
                    "user_profile": profile,
                    "metadata": {"key": name},
                },
            },
            "delete_user": user,
            "create_membership": {
                **organization,
                "id": self.stranger["id"],
                "membership": {**membership, "inviter_email": "boss@example.com"},
                "send_invitation_email": True,
            },
            "delete_membership": {**organization, **user, "cascade": False},
            "update_membership": {**organization, **user, "membership": membership},
            "create_user_and_membership": {
                **organization,
                "user": {
                    "email": f"{name}@example.com",
                    "external_id": name,
                    "membership": {**membership, "inviter_email": "boss@example.com"},
                    "user_profile": profile,
                    "metadata": {"key": "value"},
                },
                "send_invitation_email": True,
            },
            "list_organization_users": {**organization, "page_size": 3},
            "resend_invite": {**organization, "id": self.invited["id"]},
            "list_user_roles": held,
            "assign_user_roles": {
                **held,
                "roles": [{"id": self.base["id"], "role_name": self.base["name"]}],
            },
            "remove_user_role": {**held, "role_name": self.own_role["name"]},
            "list_user_permissions": held,
            "get_current_user": {},
            "get_support_hash": {},
            "create_role": {
                "role": {
                    **new,
                    "description": "",
                    "extends": self.base["name"],
                    "permissions": [self.permission["name"]],
                }
            },
            "update_role": {
                **role,
                "role": {
                    "display_name": name,
                    "description": "Other",
                    "extends": self.base["name"],
                    "permissions": [self.permission["name"]],
                },
            },
            "get_role": {**role, "include": "permissions:all"},
            "list_roles": {"include": "permissions"},
            "delete_role": {**role, "reassign_role_name": self.base["name"]},
            "create_organization_role": {
                **org,
                "role": {
                    **new,
                    "description": "",
                    "extends": self.own_role["name"],
                    "permissions": [self.permission["name"]],
                },
            },
            "update_organization_role": {
                **org,
                **own,
                "role": {
                    "display_name": name,
                    "description": "Other",
                    "extends": self.base["name"],
                    "permissions": [self.permission["name"]],
                },
            },
            "get_organization_role": {**org, **own, "include": "permissions:all"},
            "list_organization_roles": {**org, "include": "permissions"},
            "delete_organization_role": {**org, **own, "reassign_role_name": self.base["name"]},
            "get_role_users_count": role,
            "get_organization_role_users_count": {**org, **own},
            # As it is: the environment is shared.
            "update_default_roles": {
                "default_creator_role": "admin",
                "default_member_role": "member",
            },
            "update_default_organization_roles": {
                **org,
                "default_member_role": self.own_role["name"],
            },
            "list_dependent_roles": role,
            "delete_role_base": role,
            "delete_organization_role_base": {**org, **own},
            "create_permission": {"permission": {"name": name, "description": "New"}},
            "get_permission": permission,
            "update_permission": {
                **permission,
                "permission": {"name": self.permission["name"], "description": name},
            },
            "list_permissions": {"page_size": 3, "type": "ENVIRONMENT"},
            "delete_permission": permission,
            "list_role_permissions": role,
            "add_permissions_to_role": {**role, "permission_names": [self.permission["name"]]},
            "remove_permission_from_role": {**role, **permission},
            "list_effective_role_permissions": role,
            "create_domain": {
                **organization,
                "connection_id": "conn_1",
                "domain": {"domain": f"{name.replace('_', '-')}.example.org"},
            },
            "get_domain": domain,
            "delete_domain": domain,
            "list_domains": {**organization, "page_size": 3, "page_number": 0},
            "update_domain": {**domain, "domain": {}},
            "verify_domain": domain,
            "list_authorized_domains": {"origin": "example.com", "link_id": "lnk_1"},
        }
        return copy.deepcopy(requests[rpc])


async def ask(api: Api, world: World, rpc: str, **changes: Any) -> Answer:
    """Ask an rpc about a world, with these members in place of the right ones."""
    answer: Answer = await call(api, rpc, {**world.request(rpc), **changes})
    return answer


Path = tuple[str, ...]  # "[]": an element of a list; "{}": a key; "{value}": a value of a map


def texts_of(method: DescMethod) -> list[Path]:
    """Where a request may hold a text."""
    return list(_texts_of(method.input, ()))


def _texts_of(desc: DescMessage, above: Path) -> Iterator[Path]:
    for one in desc.fields:
        path = (*above, one.name)
        match one.value:
            case DescFieldValueScalar(scalar=ScalarType.STRING):
                yield path
            case DescFieldValueList(element=ScalarType.STRING):
                yield (*path, "[]")
            case DescFieldValueList(element=DescMessage() as inner):
                yield from _texts_of(inner, (*path, "[]"))
            case DescFieldValueMap():
                yield (*path, "{}")
                yield (*path, "{value}")
            case DescFieldValueMessage(message=inner):
                if not inner.type_name.startswith("google.protobuf."):
                    yield from _texts_of(inner, path)


def with_text(method: DescMethod, request: dict[str, Any], path: Path, text: str) -> dict[str, Any]:
    """A request that holds this text there; what the oneof had otherwise is left out."""
    changed = copy.deepcopy(request)
    (first,) = (one for one in method.input.fields if one.name == path[0])
    oneof = getattr(first.value, "oneof", None)
    for other in oneof.fields if oneof else ():
        if other.name != path[0]:
            changed.pop(other.name, None)
    if path[0] == "reassign_role_id":
        changed.pop("reassign_role_name", None)
    _put(changed, path, text)
    return changed


def _put(target: dict[str, Any], path: Path, text: str) -> None:
    name, *rest = path
    if not rest:
        target[name] = text
    elif rest == ["[]"]:
        target[name] = [text]
    elif rest == ["{}"]:
        target[name] = {text: "value"}
    elif rest == ["{value}"]:
        target[name] = {"key": text}
    elif rest[0] == "[]":
        one = target.setdefault(name, [{}])[0]
        _put(one, tuple(rest[1:]), text)
    else:
        _put(target.setdefault(name, {}), tuple(rest), text)
