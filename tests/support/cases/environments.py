"""Environments as files, made up by hypothesis: all that one can hold."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tenantry.access.resources.model import TYPES
from tenantry.transfer.bulk.archives import file_format

# The characters of a text: anything but a NUL and half a character.
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
NAME = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=3, max_size=12)
MOMENT = st.integers(0, 2**52)
MAYBE_MOMENT = st.none() | MOMENT
PAIRS = st.dictionaries(TEXT, TEXT, max_size=3)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=5,
)

_URIS_OF_CLIENT = ("metadata_uri", "client_uri", "logo_uri", "policy_uri", "tos_uri")


def written(lines: list[dict[str, Any]]) -> bytes:
    """Lines as an export writes them: without nulls, members in order."""
    return b"".join(
        json.dumps(
            {name: value for name, value in line.items() if value is not None},
            sort_keys=True,
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()
        + b"\n"
        for line in lines
    )


@st.composite
def environments(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The lines of an environment."""
    return _Drawing(draw).lines()


class _Drawing:
    """Draws one environment; ids are given out in order, as the export lists them."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.number = 10**18

    def lines(self) -> list[dict[str, Any]]:
        some = self.draw
        environment = {
            "type": file_format.START,
            "format": file_format.FORMAT,
            "id": self.id("env_"),
            "create_time": some(MOMENT),
        }
        names = some(st.lists(NAME, min_size=1, max_size=5, unique=True))
        permissions = [self.permission(name) for name in names]
        roles = self.roles(permissions, [], None, at_least=2)
        scopes = [self.scope(name) for name in some(st.lists(NAME, max_size=2, unique=True))]
        resources = [self.resource(names) for _ in range(some(st.integers(0, 2)))]
        applications = [
            self.client(None, resource["id"]) for resource in resources if some(st.booleans())
        ]
        applications += [self.client(None) for _ in range(some(st.integers(0, 2)))]
        secrets = self.secrets(applications)
        attributes = [
            self.user_attribute(kind, name)
            for kind in ("DIRECTORY", "SSO")
            for name in sorted(some(st.lists(NAME, max_size=2, unique=True)))
        ]
        social = [self.connection(None) for _ in range(some(st.integers(0, 2)))]
        organizations: list[dict[str, Any]] = []
        lines: list[dict[str, Any]] = []
        for number in range(some(st.integers(0, 3))):
            organizations.append(self.organization(number))
            lines.append(organizations[-1])
            lines += self.owned(organizations[-1], permissions, roles)
        users = [self.user(number) for number in range(some(st.integers(0, 4)))]
        roles += [line for line in lines if line["type"] == "role"]
        memberships = [
            self.membership(organization["id"], user["id"], roles)
            for organization in organizations
            for user in users
            if some(st.booleans())
        ]
        owners = [(organization["id"], None) for organization in organizations]
        owners += [(line["organization_id"], line["user_id"]) for line in memberships]
        tokens = [self.api_token(*owner) for owner in owners if some(st.booleans())]
        connections = [line for line in (*social, *lines) if line["type"] == "connection"]
        identities = [
            self.federated_identity(connection["id"], subject, users)
            for connection in sorted(connections, key=_id)
            for subject in sorted(some(st.lists(NAME, max_size=2, unique=True)))
            if users
        ]
        of_environment = [role for role in roles if role["organization_id"] is None]
        directories = [self.directory(one["id"]) for one in organizations if some(st.booleans())]
        content = [
            *(environment, *permissions, *of_environment, *scopes),
            *(*resources, *applications, *secrets),
            *(*attributes, *self.token_templates(), *social),
            *(*lines, *users, *memberships, *identities, *tokens),
            *(*directories, *self.of_directories(directories, users, roles)),
        ]
        return [*content, {"type": file_format.END, "lines": len(content)}]

    def id(self, prefix: str) -> str:
        self.number += self.draw(st.integers(1, 1000))
        return f"{prefix}{self.number}"

    def revised(self) -> dict[str, Any]:
        some = self.draw
        return {
            "revision": some(st.integers(1, 2**40)),
            "create_time": some(MOMENT),
            "update_time": some(MOMENT),
        }

    def permission(self, name: str) -> dict[str, Any]:
        return {
            "type": "permission",
            "id": self.id("perm_"),
            "name": name,
            "description": self.draw(TEXT),
            "built_in": self.draw(st.booleans()),
            **self.revised(),
        }

    def roles(
        self,
        permissions: list[dict[str, Any]],
        bases: list[dict[str, Any]],
        organization_id: str | None,
        *,
        at_least: int = 0,
    ) -> list[dict[str, Any]]:
        """Roles in the order of the export: the base first, then by id."""
        some = self.draw
        levels: list[list[dict[str, Any]]] = [[]]
        names = some(st.lists(NAME, min_size=at_least, max_size=4, unique=True))
        for index, name in enumerate(names):
            own = [role for level in levels for role in level]
            base = some(st.sampled_from([None, *bases, *own]))
            depth = 1 + next((n for n, level in enumerate(levels) if base in level), -1)
            held = some(st.lists(st.sampled_from(permissions), max_size=3, unique_by=_id))
            role = {
                "type": "role",
                "id": self.id("role_"),
                "organization_id": organization_id,
                "name": name,
                "display_name": some(TEXT),
                "description": some(st.none() | TEXT),
                "base_id": base and base["id"],
                "default_creator": organization_id is None and index == 0,
                "default_member": organization_id is None and index == 1,
                "permission_ids": sorted(map(_id, held)),
                **self.revised(),
            }
            levels += [[] for _ in range(depth + 1 - len(levels))]
            levels[depth].append(role)
        return [role for level in levels for role in level]

    def organization(self, number: int) -> dict[str, Any]:
        some = self.draw
        policy = st.fixed_dictionaries(
            {"absolute": st.integers(6, 9000), "idle": st.none() | st.integers(6, 10)}
        )
        branding = st.fixed_dictionaries(
            {
                "settings": st.dictionaries(TEXT, VALUE, max_size=3),
                "custom": st.booleans(),
                "update_time": MOMENT,
            }
        )
        return {
            "type": "organization",
            "id": self.id("org_"),
            "display_name": some(TEXT),
            "external_id": some(st.none() | TEXT.map(lambda text: f"{number}{text}")),
            "slug": some(st.sampled_from([None, f"slug-{number}"])),
            "logo_url": some(st.none() | TEXT),
            "region_code": some(st.sampled_from(["US", "EU"])),
            "metadata": some(PAIRS),
            "features": some(st.sampled_from([[], ["sso"], ["dir_sync", "sso"]])),
            "max_allowed_users": some(st.none() | st.integers(0, 2**31 - 1)),
            "session_policy": some(st.none() | policy),
            "branding": some(st.none() | branding),
            **self.revised(),
        }

    def owned(
        self,
        organization: dict[str, Any],
        permissions: list[dict[str, Any]],
        roles: list[dict[str, Any]],
    ) -> list[dict[str, Any]]:
        some, id_ = self.draw, organization["id"]
        own = self.roles(permissions, roles, id_)
        role = some(st.sampled_from([None, *roles, *own]))
        default = {"type": "default_member_role", "organization_id": id_}
        domains = [self.domain(id_, n) for n in range(some(st.integers(0, 2)))]
        clients = [self.client(id_) for _ in range(some(st.integers(0, 2)))]
        return [
            *(*own, *([{**default, "role_id": role["id"]}] if role else []), *domains),
            *(*(self.connection(id_) for _ in range(some(st.integers(0, 2)))),),
            *(*clients, *self.secrets(clients)),
        ]

    def scope(self, name: str) -> dict[str, Any]:
        some = self.draw
        return {
            "type": "scope",
            "id": self.id("scp_"),
            "name": name,
            "description": some(TEXT),
            "enabled": some(st.booleans()),
            "create_time": some(MOMENT),
            "update_time": some(MOMENT),
        }

    def user_attribute(self, kind: str, key: str) -> dict[str, Any]:
        some = self.draw
        return {
            "type": "user_attribute",
            "kind": kind,
            "key": key,
            "label": some(TEXT),
            "datatype": some(st.sampled_from(["STRING", "ARRAY"])),
            "category": "CUSTOM",
            "enabled": some(st.booleans()),
            "required": some(st.booleans()),
            "default_saml_mapping": some(TEXT),
            "default_oidc_mapping": some(TEXT),
            "create_time": some(MOMENT),
            "update_time": some(MOMENT),
        }

    def token_templates(self) -> list[dict[str, Any]]:
        some = self.draw
        template = some(
            st.dictionaries(
                NAME.map(lambda name: f"a_{name}"),
                st.sampled_from(["user.email", "organization.metadata.plan ?? 'free'", 3, True]),
                min_size=1,
                max_size=3,
            )
        )
        kept = {
            "type": "token_template",
            "template": template,
            "enabled": some(st.booleans()),
            "create_time": some(MOMENT),
            "update_time": some(MOMENT),
        }
        return [kept] if some(st.booleans()) else []

    def connection(self, organization_id: str | None) -> dict[str, Any]:
        """One that has no secret, so that only those of SAML are complete."""
        some = self.draw
        whole = {
            "idp_entity_id": some(NAME),
            "idp_sso_url": "https://idp.example.com",
            "idp_certificates": [{"id": "cer_1", "expiry_time": some(MOMENT)}],
        }
        kinds = [("SAML", "COMPLETED", whole), ("OIDC", "IN_PROGRESS", {"client_id": "us"})]
        if organization_id is None:
            kinds = [("OAUTH", "IN_PROGRESS", {"client_id": "us"}), ("OAUTH", "DRAFT", {})]
        type_, status, settings = some(st.sampled_from(kinds))
        return {
            "type": "connection",
            "id": self.id("conn_"),
            "organization_id": organization_id,
            "connection_type": type_,
            "provider": some(st.sampled_from(["OKTA", "CUSTOM", "GITHUB"])),
            "provider_key": some(NAME),
            "key_id": some(st.none() | TEXT),
            "status": status,
            "enabled": status == "COMPLETED" and some(st.booleans()),
            "debug_enabled": some(st.booleans()),
            "ui_button_title": some(TEXT),
            "configuration_type": some(st.sampled_from(["DISCOVERY", "MANUAL"])),
            "attribute_mapping": some(PAIRS),
            "settings": settings,
            "context": some(st.none() | PAIRS),
            "check_time": some(MAYBE_MOMENT),
            **self.revised(),
        }

    def federated_identity(
        self, connection_id: str, subject: str, users: list[dict[str, Any]]
    ) -> dict[str, Any]:
        some = self.draw
        return {
            "type": "federated_identity",
            "connection_id": connection_id,
            "subject": subject,
            "user_id": some(st.sampled_from(users))["id"],
            "email": some(TEXT),
            "is_proved": some(st.booleans()),
            "claims": some(PAIRS),
            "create_time": some(MOMENT),
            "update_time": some(MOMENT),
        }

    def resource(self, permissions: list[str]) -> dict[str, Any]:
        some = self.draw
        id_ = self.id("res_")
        return {
            "type": "resource",
            "id": id_,
            "resource_type": some(st.sampled_from(TYPES)),
            "name": some(NAME),
            "description": some(TEXT),
            "resource_uri": some(st.sampled_from(["", f"https://{id_[4:]}.example.com/mcp"])),
            "logo_uri": some(st.sampled_from(["", "https://example.com/logo.png"])),
            "scopes": some(st.lists(st.sampled_from(permissions), max_size=2, unique=True)),
            "access_token_expiry": some(st.integers(60, 86_400)),
            "refresh_token_expiry": some(st.integers(300, 86_400)),
            "cimd_allowlist": some(st.sampled_from([[], [["URL", "https://example.com/c.json"]]])),
            **{
                name: some(st.booleans())
                for name in (
                    *("intersect_permissions", "scope_selection", "dynamic_registration"),
                    *("cimd", "cimd_allowlist_enabled", "xaa"),
                )
            },
            **self.revised(),
        }

    def client(self, organization_id: str | None, resource_id: str | None = None) -> dict[str, Any]:
        some = self.draw
        texts = st.lists(TEXT, max_size=2)
        kinds = ["M2M"] if organization_id else ["WEB_APP", "SPA", "NTV"]
        prefix = "m2morg_" if organization_id else "skc_"
        if resource_id is not None:
            kinds, prefix = ["RESOURCE"], "m2m_"
        return {
            "type": "client",
            "id": self.id(prefix),
            "resource_id": resource_id,
            "registration": some(st.sampled_from(["", "DCR", "CIMD"])) if resource_id else "",
            **{name: some(TEXT) for name in _URIS_OF_CLIENT},
            "client_type": some(st.sampled_from(kinds)),
            "organization_id": organization_id,
            "name": some(TEXT),
            "description": some(TEXT),
            "scopes": some(texts),
            "audience": some(texts),
            "custom_claims": some(st.lists(st.lists(TEXT, min_size=2, max_size=2), max_size=2)),
            "post_login_uris": some(texts),
            "post_logout_redirect_uris": some(texts),
            "back_channel_logout_uris": some(texts),
            "grant_types": some(texts),
            "initiate_login_uri": some(st.none() | TEXT),
            "expiry": some(st.none() | st.integers(1, 86_400)),
            "enforce_pkce": some(st.booleans()),
            "api_access": some(st.booleans()),
            "ip_allowlist": some(st.none() | st.dictionaries(TEXT, VALUE, max_size=2)),
            "jwks": some(st.none() | st.dictionaries(TEXT, VALUE, max_size=2)),
            "token_endpoint_auth_method": some(TEXT),
            "access_token_signing_alg": some(st.sampled_from(["RS256", "ES256"])),
            **self.revised(),
        }

    def secrets(self, clients: list[dict[str, Any]]) -> list[dict[str, Any]]:
        some = self.draw
        return [
            {
                "type": "client_secret",
                "id": self.id("sec_"),
                "client_id": client["id"],
                "digest": some(TEXT),
                "suffix": some(TEXT),
                "status": some(st.sampled_from(["ACTIVE", "INACTIVE"])),
                "created_by": some(st.none() | TEXT),
                "create_time": some(MOMENT),
                "update_time": some(MOMENT),
                "expire_time": some(MAYBE_MOMENT),
                "last_used_time": some(MAYBE_MOMENT),
            }
            for client in clients
            for _ in range(some(st.integers(0, 2)))
        ]

    def directory(self, organization_id: str) -> dict[str, Any]:
        some = self.draw
        group = st.fixed_dictionaries({"external_id": NAME})
        return {
            "type": "directory",
            "organization_id": organization_id,
            "id": self.id("dir_"),
            "name": some(TEXT),
            "directory_type": some(st.sampled_from(["SCIM", "POLL"])),
            "directory_provider": some(st.sampled_from(["OKTA", "DIRECTORY_PROVIDER_UNSPECIFIED"])),
            "status": some(st.sampled_from(["DRAFT", "IN_PROGRESS", "COMPLETED"])),
            "enabled": some(st.booleans()),
            "attribute_mapping": some(PAIRS),
            "context": some(st.none() | PAIRS),
            "email": some(TEXT),
            "groups_tracked": some(st.sampled_from(["ALL", "SELECTED"])),
            "external_groups": some(st.lists(group, max_size=2)),
            "last_sync_time": some(MAYBE_MOMENT),
            **self.revised(),
        }

    def of_directories(
        self,
        directories: list[dict[str, Any]],
        users: list[dict[str, Any]],
        roles: list[dict[str, Any]],
    ) -> list[dict[str, Any]]:
        """All that directories have, table by table, in the order of the export."""
        some = self.draw
        secrets, people, groups, members, assignments = [], [], [], [], []
        for directory in directories:
            of = {"organization_id": directory["organization_id"], "directory_id": directory["id"]}
            secrets += [self.directory_secret(of) for _ in range(some(st.integers(0, 2)))]
            here = [self.directory_user(of, n, users) for n in range(some(st.integers(0, 3)))]
            own = [self.directory_group(of) for _ in range(some(st.integers(0, 2)))]
            people, groups = [*people, *here], [*groups, *own]
            usable = [
                one
                for one in roles
                if one["organization_id"] in {None, directory["organization_id"]}
            ]
            for group in own:
                there = {**of, "directory_group_id": group["id"]}
                members += [
                    {"type": "directory_member", **there, "directory_user_id": person["id"]}
                    for person in here
                    if some(st.booleans())
                ]
                held = some(st.lists(st.sampled_from(usable), max_size=2, unique_by=_id))
                assignments += [
                    {"type": "directory_role_assignment", **there, "role_id": id_}
                    for id_ in sorted(map(_id, held))
                ]
        return [*secrets, *people, *groups, *members, *assignments]

    def directory_secret(self, of: dict[str, str]) -> dict[str, Any]:
        some = self.draw
        return {
            "type": "directory_secret",
            **of,
            "id": self.id("sec_"),
            "digest": f"digest-{self.number}",
            "suffix": some(TEXT),
            "status": some(st.sampled_from(["ACTIVE", "INACTIVE"])),
            "create_time": some(MOMENT),
            "expire_time": some(MAYBE_MOMENT),
            "last_used_time": some(MAYBE_MOMENT),
        }

    def directory_user(
        self, of: dict[str, str], number: int, users: list[dict[str, Any]]
    ) -> dict[str, Any]:
        some = self.draw
        name, email = f"ada{number}", some(st.sampled_from(["", f"Ada.{number}@example.com"]))
        document: dict[str, Any] = {"userName": name, "displayName": some(NAME)}
        if email:
            document["emails"] = [{"value": email, "type": "work"}]
        return {
            "type": "directory_user",
            **of,
            "id": self.id("diruser_"),
            "user_name": name,
            "external_id": some(st.none() | TEXT),
            "email": email,
            "active": some(st.booleans()),
            "document": document,
            "user_id": some(st.sampled_from([None, *map(_id, users)])),
            **self.revised(),
        }

    def directory_group(self, of: dict[str, str]) -> dict[str, Any]:
        name = self.draw(NAME)
        return {
            "type": "directory_group",
            **of,
            "id": self.id("dirgroup_"),
            "display_name": name,
            "external_id": self.draw(st.none() | TEXT),
            "document": {"displayName": name},
            **self.revised(),
        }

    def api_token(self, organization_id: str, user_id: str | None) -> dict[str, Any]:
        some = self.draw
        return {
            "type": "api_token",
            "id": self.id("apit_"),
            "organization_id": organization_id,
            "user_id": user_id,
            "digest": f"digest-{self.number}",
            "suffix": some(TEXT),
            "description": some(TEXT),
            "custom_claims": some(PAIRS),
            "expire_time": some(MAYBE_MOMENT),
            "last_used_time": some(MAYBE_MOMENT),
            **self.revised(),
        }

    def domain(self, organization_id: str, number: int) -> dict[str, Any]:
        some = self.draw
        return {
            "type": "domain",
            "id": self.id("dom_"),
            "organization_id": organization_id,
            "domain": f"{organization_id.replace('_', '-')}-{number}.example.com",
            "domain_type": some(st.sampled_from(["ORGANIZATION_DOMAIN", "ALLOWED_EMAIL_DOMAIN"])),
            "verification_status": some(st.sampled_from(["PENDING", "VERIFIED", "FAILED"])),
            "verification_method": some(st.sampled_from(["ADMIN", "DNS", "NOT_APPLICABLE"])),
            "txt_record_key": some(TEXT),
            "txt_record_secret": some(TEXT),
            "check_time": some(MAYBE_MOMENT),
            "expire_time": some(MAYBE_MOMENT),
            **self.revised(),
        }

    def user(self, number: int) -> dict[str, Any]:
        some = self.draw
        # A person of modular mode may have the address of anybody.
        is_known_there = some(st.booleans())
        return {
            "type": "user",
            "id": self.id("usr_"),
            "sub": f"conn_{self.number};ada;{number}" if is_known_there else None,
            "email": "ada@example.com" if is_known_there else f"Ada.{number}@example.com",
            "external_id": some(st.none() | TEXT.map(lambda text: f"{number}{text}")),
            "profile": some(PAIRS),
            "metadata": some(PAIRS),
            "email_verified": some(st.booleans()),
            "password_hash": some(st.none() | TEXT),
            "last_login_time": some(MAYBE_MOMENT),
            **self.revised(),
        }

    def membership(
        self, organization_id: str, user_id: str, roles: list[dict[str, Any]]
    ) -> dict[str, Any]:
        some = self.draw
        usable = [r for r in roles if r["organization_id"] in {None, organization_id}]
        held = some(st.lists(st.sampled_from(usable), max_size=3, unique_by=_id))
        return {
            "type": "membership",
            "organization_id": organization_id,
            "user_id": user_id,
            "id": self.id("mem_"),
            "status": some(st.sampled_from(["ACTIVE", "INACTIVE", "PENDING_INVITE"])),
            "metadata": some(PAIRS),
            "inviter_email": some(st.none() | TEXT),
            "provisioning_method": some(st.sampled_from(["invitation", "direct_provision"])),
            "create_time": some(MOMENT),
            "accept_time": some(MAYBE_MOMENT),
            "join_time": some(MAYBE_MOMENT),
            "expire_time": some(MAYBE_MOMENT),
            "invite_digest": some(st.sampled_from([None, f"digest-{self.number}"])),
            "invite_client_id": some(st.sampled_from([None, "skc_1"])),
            "invite_resend_time": some(MAYBE_MOMENT),
            "invite_resend_count": some(st.integers(0, 100)),
            "role_ids": sorted(map(_id, held)),
        }


def _id(line: dict[str, Any]) -> str:
    id_: str = line["id"]
    return id_
