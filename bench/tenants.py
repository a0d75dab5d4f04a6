"""A deployment of many tenants, written by SQL: organizations, people and all that is theirs.

``Tenants(server, postgresql).fill(organizations, people)`` makes one of each kind by the API and
copies it: each organization has people, a connection, a directory and a domain, and there are
events, sign-ins and mail. One organization more has much of all: a directory of 100,000 people
(bench/directories.py), 30 domains, ten connections, members, programs.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from directories import Directories

from tenantry.core.ids import EPOCH_MILLISECONDS

if TYPE_CHECKING:
    from postgresql import PostgreSQL
    from serving import Server

FIRST = 10**18  # of ids
DIRECTORY_PEOPLE = 100_000
ROLE = "auditor"  # of its own
DOMAINS, CONNECTIONS, MEMBERS, PROGRAMS = 30, 10, 2000, 20  # of the one organization
EVENTS_OF_EACH = 10  # for each organization
SIGN_INS_OF_EACH = 5
_AT = "1795000000000000 + n"  # microseconds since 1970
_ORGANIZATION = f"'org_' || ({FIRST} + n % {{organizations}})"
_GRAMS = (
    "array_to_tsvector(ARRAY(SELECT substr(text, i, 5) FROM generate_series(1, length(text) - 2)"
    " AS i))"
)
_FILL = (
    "DROP INDEX ix_users_search__grams, ix_organizations_search__grams",
    f"""
INSERT INTO organizations (id, display_name, external_id, region_code, metadata, features,
  revision, create_time, update_time)
SELECT {_ORGANIZATION}, 'Acme ' || n, 'acme-' || n, 'US', '{{{{"plan": "enterprise"}}}}',
  '["sso", "dir_sync", "domain_verification"]', 1, {_AT}, {_AT}
FROM generate_series(0, {{organizations}} - 1) AS n
""",
    f"""
INSERT INTO organization_keys (organization_id, external_id)
SELECT id, external_id FROM organizations WHERE id < 'org_{FIRST + 10**9}'
""",
    f"""
INSERT INTO organizations_search (organization_id, text, grams)
SELECT id, text, {_GRAMS} FROM organizations,
  LATERAL (SELECT lower(display_name || chr(31) || id || chr(31) || external_id) AS text) AS t
WHERE id < 'org_{FIRST + 10**9}'
""",
    f"""
INSERT INTO users (id, email, email_key, external_id, profile, metadata, email_verified, revision,
  create_time, update_time)
SELECT 'usr_' || ({FIRST} + n), email, email, 'crm-' || n,
  jsonb_build_object('given_name', 'Ada', 'family_name', 'Lovelace ' || n % 997), '{{{{}}}}', true,
  1, {_AT}, {_AT}
FROM generate_series(0, {{people}} - 1) AS n,
  LATERAL (SELECT (ARRAY['ada', 'grace', 'edsger', 'barbara', 'alan', 'margaret'])[1 + n % 6]
    || '.' || to_hex(n) || '@' || to_hex(n::bigint * 7919 % 5000)
    || '.example.com' AS email) AS named
""",
    f"""
INSERT INTO memberships (organization_id, user_id, id, status, metadata, provisioning_method,
  create_time, accept_time, join_time, invite_resend_count)
SELECT {_ORGANIZATION}, 'usr_' || ({FIRST} + n), 'mem_' || ({FIRST} + n), 'ACTIVE', '{{{{}}}}',
  'direct_provision', {_AT}, {_AT}, {_AT}, 0
FROM generate_series(0, {{people}} - 1) AS n
""",
    f"""
INSERT INTO role_holders (organization_id, user_id, role_id)
SELECT {_ORGANIZATION}, 'usr_' || ({FIRST} + n), id
FROM generate_series(0, {{people}} - 1) AS n, (SELECT id FROM roles WHERE name = 'member') AS role
""",
    f"""
INSERT INTO member_tallies (organization_id, slot, n)
SELECT {_ORGANIZATION}, 0, {{people}} / {{organizations}}
FROM generate_series(0, {{organizations}} - 1) AS n
""",
    f"""
INSERT INTO users_search (user_id, text, grams)
SELECT id, text, {_GRAMS} FROM users,
  LATERAL (SELECT lower(email || chr(31) || external_id) AS text) AS t
WHERE id < 'usr_{FIRST + 10**9}'
""",
    "CREATE INDEX ix_users_search__grams ON users_search USING gin (grams)"
    " WITH (gin_pending_list_limit = 1024)",
    "CREATE INDEX ix_organizations_search__grams ON organizations_search USING gin (grams)"
    " WITH (gin_pending_list_limit = 1024)",
    "INSERT INTO tallies (name, slot, n) VALUES ('organizations', 99, {organizations}),"
    " ('users', 99, {people})",
    f"""
INSERT INTO events (id, type, object, occurred_at, organization_id, actor, after, request_id, xid)
SELECT 'evt_' || ((at - {EPOCH_MILLISECONDS}) << 22 | n % 4096),
  (ARRAY['organization.updated', 'organization.created', 'user.organization_membership_created',
    'user.organization_invitation', 'role.updated', 'client.token_issued'])[1 + n % 6],
  'Organization', at * 1000, {_ORGANIZATION},
  '{{{{"type": "management_client", "id": "skc_1000000000000000000"}}}}',
  jsonb_build_object('id', 'org_' || n, 'display_name', 'Acme ' || n, 'region_code', 'US'),
  'req_' || n, '3'
FROM (SELECT n, {{now}} - 3600000 - {{events}} + n AS at
  FROM generate_series(0::bigint, {{events}} - 1) AS n) AS made
""",
    f"""
INSERT INTO auth_requests (id, state, status, params, facts, email, email_key, user_id,
  organization_id, create_time, update_time, expire_time)
SELECT 'areq_' || ((at - {EPOCH_MILLISECONDS}) << 22 | n % 4096), state, status, '{{{{}}}}',
  '{{{{}}}}', email, email, id, {_ORGANIZATION}, at * 1000, at * 1000, at * 1000
FROM (SELECT n, {{now}} - 1000 * ({{sign_ins}} - n) AS at
    FROM generate_series(0::bigint, {{sign_ins}} - 1) AS n) AS made
  JOIN users ON id = 'usr_' || ({FIRST} + n % {{people}}),
  LATERAL (SELECT CASE WHEN n % 50 = 0 THEN 'AUTHENTICATION_FAILED'
      ELSE 'AUTHENTICATION_COMPLETED' END AS state,
    CASE WHEN n % 50 = 0 THEN 'FAILED' ELSE 'SUCCESS' END AS status) AS ended
""",
    f"""
INSERT INTO mail (id, organization_id, recipient, template, variables, state, attempts, due_time,
  create_time, sent_time)
SELECT 'mail_' || ((at - {EPOCH_MILLISECONDS}) << 22), {_ORGANIZATION},
  'ada.' || n || '@example.com', 'invitation', '{{{{}}}}', 'SENT', 1, at * 1000, at * 1000,
  at * 1000
FROM (SELECT n, {{now}} - 1000 * ({{organizations}} - n) AS at
    FROM generate_series(0::bigint, {{organizations}} - 1) AS n) AS made
""",
    f"""
INSERT INTO memberships (organization_id, user_id, id, status, metadata, provisioning_method,
  create_time, accept_time, join_time, invite_resend_count)
SELECT '{{one}}', 'usr_' || ({FIRST} + n), 'mem_' || ({FIRST + 10**9} + n), 'ACTIVE', '{{{{}}}}',
  'direct_provision', {_AT}, {_AT}, {_AT}, 0
FROM generate_series(0, {MEMBERS} - 1) AS n
""",
    f"""
INSERT INTO role_holders (organization_id, user_id, role_id)
SELECT '{{one}}', 'usr_' || ({FIRST} + n), id
FROM generate_series(0, {MEMBERS} - 1) AS n,
  (SELECT id FROM roles WHERE organization_id IS NULL AND name = 'admin') AS role
""",
    f"INSERT INTO member_tallies (organization_id, slot, n) VALUES ('{{one}}', 9, {MEMBERS})",
)
# Without foreign keys, which hold; and faster.
_SETTLED = (
    "SET session_replication_role = replica; SET synchronous_commit = off; "
    "SET maintenance_work_mem = '512MB'; "
)


class Tenants:
    """A server and its database, to be filled."""

    def __init__(self, server: Server, postgresql: PostgreSQL) -> None:
        self._server = server
        self._postgresql = postgresql
        self._headers = {"authorization": f"Bearer {server.token()}"}
        self.organization_id = ""  # of the one that has much
        self.directory_id = ""
        self.organizations = 0

    def kept(self) -> dict[str, Any]:
        """Return what `reopen` takes, as JSON."""
        names = ("organizations", "organization_id", "directory_id")
        return {name: getattr(self, name) for name in names}

    def reopen(self, kept: dict[str, Any]) -> None:
        """Take a database that has been filled before."""
        for name, value in kept.items():
            setattr(self, name, value)

    def fill(self, organizations: int, people: int) -> float:
        """Write all; return the seconds that took."""
        began, self.organizations = time.perf_counter(), organizations
        many = Directories(self._server, self._postgresql, DIRECTORY_PEOPLE, 1)
        many.fill()
        self.organization_id, self.directory_id = many.organization_id, many.directory_id
        connection, domain = self._of_the_one()
        numbers = {"organizations": organizations, "people": people}
        numbers |= {"events": organizations * EVENTS_OF_EACH, "now": time.time_ns() // 1_000_000}
        numbers["sign_ins"] = organizations * SIGN_INS_OF_EACH
        for statement in _FILL:
            self._postgresql.execute(
                _SETTLED + statement.format(**numbers, one=many.organization_id)
            )
        of = {"organization_id": _ORGANIZATION.format(**numbers)}
        self._copy("connections", "conn", connection, organizations, **of)
        self._copy("directories", "dir", self.directory_id, organizations, **of)
        self._copy("domains", "dom", domain, organizations, domain="n || '.example.org'", **of)
        self._postgresql.settle()
        return time.perf_counter() - began

    def _of_the_one(self) -> tuple[str, str]:
        """Make what one organization has many of; return the ids of a connection and a domain."""
        base = f"/organizations/{self.organization_id}"
        features = ("sso", "dir_sync", "domain_verification", "session_policy")
        switched = [{"name": name, "enabled": True} for name in features]
        self._send("PATCH", f"{base}/settings", features=switched)
        for number in range(CONNECTIONS):
            kind = {"provider": "OKTA", "type": "SAML" if number % 2 else "OIDC"}
            made = self._send("POST", f"{base}/connections", **kind)
        for number in range(DOMAINS):
            named = {"domain": f"acme-{number}.example.net", "domain_type": "ORGANIZATION_DOMAIN"}
            claimed = self._send("POST", f"{base}/domains", **named)
        for number in range(PROGRAMS):
            self._send("POST", f"{base}/clients", name=f"Program {number}")
            self._send("POST", "/tokens", organization_id=self.organization_id, description="Key")
            named = {"name": f"App {number}", "client_type": "WEB_APP"}
            self._send("POST", "/clients", **named)
            hook = {"url": f"https://hooks-{number}.example.com/in", "event_types": []}
            endpoint = self._send("POST", "/webhooks/endpoints", **hook)["endpoint"]["id"]
            role = {"name": f"role_{number}", "display_name": f"Role {number}"}
            self._send("POST", "/roles", **role)
        self._send("POST", f"{base}/roles", name=ROLE, display_name="Auditor")
        self._send("POST", f"/webhooks/endpoints/{endpoint}:test", event_type="user.login")
        check = {"trigger_point": "PRE_SIGNUP", "api_url": "https://checks.example.com/in"}
        self._send("POST", "/interceptors", display_name="Check", **check)
        account = {"host": "smtp.example.com", "port": "587", "username": "mailer"}
        account |= {"password": "pass-w0rd-of-mail", "from_email": "a@example.com"}
        account["from_name"] = "Example"
        self._send("POST", "/email/servers", provider="SENDGRID", settings=account)
        said = {"subject": "{{ otp }}", "html_content": "{{ otp }}", "plain_content": "{{ otp }}"}
        path = "/organizations/-/email/templates"
        self._send("POST", path, use_case="USER_LOGIN_OTP", **said)
        return made["connection"]["id"], claimed["domain"]["id"]

    def _copy(self, table: str, prefix: str, id_: str, count: int, **columns: str) -> None:
        """Copy a row so many times; of it these columns, as SQL, and the id are others."""
        members = ", ".join(f"'{name}', {value}" for name, value in columns.items())
        self._postgresql.execute(
            f"{_SETTLED} INSERT INTO {table} SELECT (jsonb_populate_record(one, jsonb_build_object("
            f"'id', '{prefix}_' || ({FIRST} + n), {members}))).* FROM {table} AS one, "
            f"generate_series(0, {count} - 1) AS n WHERE one.id = '{id_}'"
        )

    def _send(self, verb: str, path: str, **body: Any) -> Any:
        answer = self._server.http.request(verb, f"/api/v1{path}", json=body, headers=self._headers)
        if not answer.is_success:
            raise SystemExit(f"bench: {verb} {path} answered {answer.status_code}: {answer.text}")
        return answer.json()
