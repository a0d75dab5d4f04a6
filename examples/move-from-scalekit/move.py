"""Take a Scalekit environment to Tenantry, with the same ids.

    move.py take fresh.ndjson environment.ndjson connections.json
    move.py configure connections.json

The first reads Scalekit by its API and makes a file for `tenantry import environment`, out of the
export of a fresh Tenantry. The second tells connections their settings, once that file is imported.
Either finds its API by SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET.
"""

import itertools
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

Found = dict[str, Any]  # an object as the API answers it

PROFILE = (
    *("given_name", "family_name", "name", "locale", "phone_number", "preferred_username"),
    *("picture", "gender", "groups", "custom_attributes"),
)
# Members of a connection's settings that say where we are, and not where the provider is.
OURS = {"redirect_uri", "sp_entity_id", "sp_assertion_url", "sp_metadata_url", "sp_slo_url"}
OURS |= {"post_logout_redirect_uri", "backchannel_logout_redirect_uri", "certificate_id"}
OURS |= {"idp_certificates", "allow_idp_initiated_login", "client_secret"}


class Api:
    """The REST API, as a client with access to it."""

    def __init__(self) -> None:
        self.http = httpx.Client(base_url=os.environ["SCALEKIT_ENVIRONMENT_URL"], timeout=60)

    def call(
        self, path: str, body: Found | None = None, *, method: str = "GET", **query: object
    ) -> Found:
        for attempt in range(1, 20):
            answer = self.http.request(method, f"/api/v1/{path}", json=body, params=query)
            if answer.status_code == 401 and attempt < 3:
                self.authenticate()
            elif answer.status_code in {429, 503}:
                time.sleep(int(answer.headers.get("retry-after") or attempt))
            else:
                break
        if answer.is_error:
            sys.exit(f"{method} {answer.url}: {answer.status_code} {answer.text}")
        return answer.json()

    def authenticate(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": os.environ["SCALEKIT_CLIENT_ID"],
            "client_secret": os.environ["SCALEKIT_CLIENT_SECRET"],
        }
        answer = self.http.post("/oauth/token", data=form).raise_for_status()
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def pages(self, path: str, member: str) -> Iterator[Found]:
        """Yield each element of a list, page by page."""
        token = ""
        while True:
            page = self.call(path, page_size=30, page_token=token)
            yield from page.get(member, [])
            token = page.get("next_page_token")
            if not token:
                return


def moment(text: str | None) -> int | None:
    """The microseconds since 1970 of a time, None for none."""
    if not text:
        return None
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = int(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return seconds * 1_000_000 + int(f"{fraction[:6]:0<6}")


def revised(found: Found) -> Found:
    created = moment(found.get("create_time") or found.get("created_at")) or time.time_ns() // 1000
    return {
        "revision": 1,
        "create_time": created,
        "update_time": moment(found.get("update_time")) or created,
    }


# Of memberships, whose ids the API does not tell: the newest come first, and all before new ones.
numbers = itertools.count(10**18, -1)


class Move:
    """Makes the lines of the file in its order: a line comes after those that it names."""

    def __init__(self, api: Api, fresh: Iterable[Found]) -> None:
        self.api = api
        self.lines: list[Found] = []
        self.connections: list[Found] = []
        self.permissions: dict[str, str] = {}  # their ids, by name
        self.roles: dict[tuple[str | None, str], str] = {}  # by organization, None for all
        by_type: dict[str, list[Found]] = {}
        for line in fresh:
            by_type.setdefault(line["type"], []).append(line)
        if by_type.keys() - {"environment", "permission", "role", "end"}:
            sys.exit("the first file is not the export of a fresh deployment")
        self.fresh = by_type

    def take(self) -> None:
        self.lines += self.fresh["environment"]
        self.take_permissions()
        roles = self.api.call("roles", include="permissions").get("roles", [])
        self.take_roles(None, [role for role in roles if not role.get("is_org_role")])
        organizations = list(self.api.pages("organizations", "organizations"))
        for organization in organizations:
            self.take_organization(organization)
        for user in self.api.pages("users", "users"):
            self.take_user(user)
            self.lines[0]["id"] = user.get("environment_id") or self.lines[0]["id"]
        for organization in organizations:
            path = f"organizations/{organization['id']}/users"
            for user in self.api.pages(path, "users"):
                self.take_membership(organization["id"], user)
        self.lines.append({"type": "end", "lines": len(self.lines)})

    def take_permissions(self) -> None:
        for line in self.fresh["permission"]:  # of Tenantry's own pages
            self.permissions[line["name"]] = line["id"]
            self.lines.append(line)
        for found in self.api.pages("permissions", "permissions"):
            if found["name"] in self.permissions or found.get("is_scalekit_permission"):
                continue
            self.permissions[found["name"]] = found["id"]
            line = {"type": "permission", "id": found["id"], "name": found["name"]}
            line |= {"description": found.get("description", ""), "built_in": False}
            self.lines.append(line | revised(found))

    def take_roles(self, organization_id: str | None, found: list[Found]) -> None:
        own = {line["name"]: line for line in self.fresh["role"]} if not organization_id else {}
        waiting = {one["name"]: one for one in found}
        while waiting:  # a role after the one that it extends
            name = next(n for n, one in waiting.items() if one.get("extends") not in waiting)
            one = waiting.pop(name)
            held = [permission["name"] for permission in one.get("permissions", [])]
            unknown = [name for name in held if name not in self.permissions]
            if unknown:
                sys.stderr.write(f"role {name}: without {', '.join(unknown)}\n")
            ids = {self.permissions[name] for name in held if name in self.permissions}
            former = own.pop(name, None)
            if former:  # it opens Tenantry's own pages
                ids |= set(former["permission_ids"])
            self.role(organization_id, one, sorted(ids))
        for line in own.values():  # Tenantry's own that Scalekit lacks
            self.role(None, line, line["permission_ids"])

    def role(self, organization_id: str | None, found: Found, permission_ids: list[str]) -> None:
        base = found.get("extends")
        base_id = self.roles.get((organization_id, base)) or self.roles.get((None, base))
        self.roles[organization_id, found["name"]] = found["id"]
        line = {
            "type": "role",
            "id": found["id"],
            "organization_id": organization_id,
            "name": found["name"],
            "display_name": found.get("display_name") or found["name"],
            "description": found.get("description"),
            "base_id": base_id,
            "default_creator": not organization_id and found.get("default_creator", False),
            "default_member": not organization_id and found.get("default_member", False),
            "permission_ids": permission_ids,
        }
        self.lines.append(line | revised(found))

    def take_organization(self, found: Found) -> None:
        id_ = found["id"]
        features = (found.get("settings") or {}).get("features", [])
        line = {
            "type": "organization",
            "id": id_,
            "display_name": found["display_name"],
            "external_id": found.get("external_id") or None,
            "slug": found.get("slug") or None,
            "logo_url": found.get("logo_url") or None,
            "region_code": found.get("region_code") or "US",
            "metadata": found.get("metadata") or {},
            "features": sorted(one["name"] for one in features if one.get("enabled")),
        }
        self.lines.append(line | revised(found))
        roles = self.api.call(f"organizations/{id_}/roles", include="permissions").get("roles", [])
        self.take_roles(id_, [role for role in roles if role.get("is_org_role")])
        for domain in self.domains(id_):
            self.take_domain(id_, domain)
        listed = self.api.call("connections", organization_id=id_, include="all")
        for one in listed.get("connections", []):
            if one.get("type") not in {"OIDC", "SAML"}:
                continue
            path = f"organizations/{id_}/connections/{one['id']}"
            self.take_connection(id_, self.api.call(path)["connection"])

    def domains(self, organization_id: str) -> list[Found]:
        """Return all domains of an organization: this list has numbered pages."""
        found: dict[str, Found] = {}
        for number in itertools.count():
            path = f"organizations/{organization_id}/domains"
            page = self.api.call(path, page_size=30, page_number=number).get("domains", [])
            before = len(found)
            found |= {domain["id"]: domain for domain in page}
            # Whether the first page is 0 or 1, the second call may bring it again.
            if len(page) < 30 or (len(found) == before and number > 1):
                break
        return list(found.values())

    def take_domain(self, organization_id: str, found: Found) -> None:
        line = {
            "type": "domain",
            "id": found["id"],
            "organization_id": organization_id,
            "domain": found["domain"],
            "domain_type": found.get("domain_type", "ORGANIZATION_DOMAIN"),
            "verification_status": found.get("verification_status", "PENDING"),
            "verification_method": found.get("verification_method", "ADMIN"),
            "txt_record_key": found.get("txt_record_key", ""),
            "txt_record_secret": found.get("txt_record_secret", ""),
        }
        self.lines.append(line | revised(found))

    def take_connection(self, organization_id: str, found: Found) -> None:
        """Take its id along; its settings go by the API, which checks them."""
        line = {
            "type": "connection",
            "id": found["id"],
            "organization_id": organization_id,
            "connection_type": found["type"],
            "provider": found["provider"],
            "provider_key": found.get("provider_key", ""),
            "key_id": found.get("key_id") or None,
            "status": "DRAFT",
            "enabled": False,
            "debug_enabled": found.get("debug_enabled", False),
            "ui_button_title": found.get("ui_button_title") or "",
            "configuration_type": found.get("configuration_type") or "DISCOVERY",
            "attribute_mapping": found.get("attribute_mapping") or {},
            "settings": {},
        }
        if line["configuration_type"] not in {"DISCOVERY", "MANUAL"}:
            line["configuration_type"] = "DISCOVERY"
        self.lines.append(line | revised(found))
        self.connections.append(found)

    def take_user(self, found: Found) -> None:
        profile = found.get("user_profile") or {}
        line = {
            "type": "user",
            "id": found["id"],
            "email": found["email"],
            "external_id": found.get("external_id") or None,
            "profile": {name: profile[name] for name in PROFILE if profile.get(name)},
            "metadata": found.get("metadata") or {},
            "email_verified": profile.get("email_verified", False),
            "last_login_time": moment(found.get("last_login_time")),
        }
        self.lines.append(line | revised(found))

    def take_membership(self, organization_id: str, user: Found) -> None:
        all_ = user.get("memberships", [])
        found = next((one for one in all_ if one.get("organization_id") == organization_id), {})
        named = [role["name"] for role in found.get("roles", [])]
        roles = [self.roles.get((organization_id, n)) or self.roles.get((None, n)) for n in named]
        status = found.get("membership_status", "ACTIVE")
        joined = moment(found.get("join_time") or found.get("accepted_at"))
        line = {
            "type": "membership",
            "id": f"mem_{next(numbers)}",
            "organization_id": organization_id,
            "user_id": user["id"],
            "status": status if status in {"ACTIVE", "INACTIVE"} else "PENDING_INVITE",
            "metadata": found.get("metadata") or {},
            "inviter_email": found.get("inviter_email") or None,
            "provisioning_method": found.get("provisioning_method") or "direct_provision",
            "create_time": moment(found.get("created_at")) or joined or time.time_ns() // 1000,
            "accept_time": moment(found.get("accepted_at")),
            "join_time": joined,
            "expire_time": moment(found.get("expires_at")),
            "invite_resend_count": 0,
            "role_ids": sorted(role for role in roles if role),
        }
        self.lines.append(line)


def configure(api: Api, connections: list[Found]) -> None:
    """Tell each connection its settings; enable it if it was, unless it still needs a secret."""
    for found in connections:
        path = f"organizations/{found['organization_id']}/connections/{found['id']}"
        change = {"provider": found["provider"], "type": found["type"]}
        for member in ("oidc_config", "saml_config"):
            if config := found.get(member):
                known = {k: v for k, v in config.items() if k not in OURS and v not in ("", None)}
                pem = "\n".join(one["certificate"] for one in config.get("idp_certificates", []))
                change[member] = known | ({"idp_certificate": pem} if pem else {})
        now = api.call(path, change, method="PATCH")["connection"]
        if now["status"] != "COMPLETED":
            where = f"{found['id']} of {found['organization_id']}"
            sys.stderr.write(f"{where}: is {now['status']}, and needs its client secret\n")
        elif found["enabled"]:
            api.call(f"{path}:enable", method="PATCH")


def main() -> None:
    match sys.argv[1:]:
        case ["take", fresh, environment, connections]:
            lines = Path(fresh).read_text(encoding="utf-8").splitlines()
            move = Move(Api(), map(json.loads, lines))
            move.take()
            with Path(environment).open("w", encoding="utf-8") as file:
                for line in move.lines:
                    given = {name: value for name, value in line.items() if value is not None}
                    file.write(json.dumps(given, ensure_ascii=False) + "\n")
            Path(connections).write_text(json.dumps(move.connections), encoding="utf-8")
        case ["configure", connections]:
            configure(Api(), json.loads(Path(connections).read_text(encoding="utf-8")))
        case _:
            sys.exit(__doc__)


main()
