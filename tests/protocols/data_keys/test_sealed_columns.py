"""Every column that the vault encrypts says so, and no value is encrypted anywhere else."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import tenantry
import tenantry.app
from tenantry.db.encryption import reencryption
from tenantry.db.sql.encrypted_columns import bound_columns, encrypted_columns
from tenantry.db.sql.schema import metadata

ROOT = Path(tenantry.__file__).parent

# Where values are sealed: for which column that stays, or for which reason there is none.
COLUMNS = {
    "access/keys/service.py": "signing_keys.private_sealed",
    "events/interceptors/authorization.py": "interceptors.auth_config_sealed",
    "events/email/servers.py": "email_servers.password_sealed",
    "events/email/service.py": "mail.content_sealed",
    "events/signing.py": "interceptors.secret_sealed webhook_endpoints.secret_sealed "
    "interceptors.previous_secret_sealed webhook_endpoints.previous_secret_sealed",
    "identity/connections/changes/client_secrets.py": "connections.secret app_connections.secret",
    "identity/connections/changes/archiving.py": "connections.secret app_connections.secret",
    "identity/connections/certificates/key_pairs.py": "saml_key_pairs.private_key",
    "identity/federation/sessions.py": "federated_sessions.hint",
    "identity/authenticators/totp/service.py": "totp_registrations.secret_sealed",
    "identity/simulator/provider.py": "connections.secret",
    "tenants/directories/polling/service_accounts.py": "directories.credentials",
}
# A cookie, an address or a row that is over within a day.
FOR_A_DAY = {
    "db/writes/replies.py",
    "endpoints/console/environment/branding.py",
    "endpoints/organization/embedding.py",
    "endpoints/sso/connection_tests.py",
    "identity/federation/requests.py",
    "identity/connections/federated_identities.py",
    "identity/operators/provider.py",
    "identity/simulator/openid_provider.py",
    "endpoints/console/forms.py",
    "endpoints/console/undo.py",
    "endpoints/console/visit.py",
    "endpoints/mcp/calls.py",
    "endpoints/organization/widget_sessions.py",
    "web/forms/done.py",
    "web/forms/problems.py",
    "web/forms/query_values.py",
    "tenants/branding/assets.py",
}
# These seal for all of them.
OURS = {
    "crypto/vault.py",
    "db/encryption/reencryption.py",
    "db/encryption/key_rows.py",
    "crypto/master_key.py",
}


def seals(path):
    """Whether a module calls `encrypt` or `encrypt_for_url` of a vault."""
    return any(
        isinstance(node, ast.Attribute) and node.attr in {"encrypt", "encrypt_for_url"}
        for node in ast.walk(ast.parse(path.read_text()))
    )


def test_every_module_that_seals_says_where_it_goes():
    found = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if "gen" not in path.relative_to(ROOT).parts and seals(path)
    }
    others = {"identity/tokens/signer.py", "identity/connections/changes/archiving.py"}
    known = COLUMNS.keys() | FOR_A_DAY | OURS
    assert found - others <= known, f"of which column is what {found - known} seals?"
    assert known - OURS <= found


def test_every_such_column_is_sealed_anew_and_no_other():
    declared = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in encrypted_columns(table, stays=True)
    }
    assert declared == {name for names in COLUMNS.values() for name in names.split()}
    assert {name.partition(".")[0] for name in declared} == set(reencryption.TABLES)


def test_a_worker_has_all_these_tables():
    code = (
        "import tenantry.worker; from tenantry.db.encryption import reencryption;"
        "reencryption.tables()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_every_value_is_bound_to_its_row_and_organization():
    found = []
    for table in metadata.tables.values():
        keys = {column.name for column in table.primary_key}
        for column in encrypted_columns(table):
            bound = set(bound_columns(column))
            assert keys <= bound <= set(table.c.keys())
            # The organization of a sign-in is found on the way.
            if "organization_id" in table.c and table.name != "auth_requests":
                assert "organization_id" in bound
            found.append(f"{table.name}.{column.name}")
    assert len(found) == 18
