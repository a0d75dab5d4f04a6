"""JSON that others wrote is parsed in one place; where it is not, the text is our own."""

from __future__ import annotations

import re
from pathlib import Path

import tenantry

SRC = Path(tenantry.__file__).parent
# The standard library takes NaN, Infinity and half a surrogate pair, and recurses without a bound.
LAX = re.compile(r"\bjson\.loads?\(")
OF_OURS = {
    "server/certificates/__init__.py": "the data folder's server.json",
    "cli/integrations/interceptors.py": "the operator's sample",
    "access/client_metadata/unstored_clients.py": "a client ID of ours, once its MAC holds",
    "endpoints/mcp/calls.py": "a confirmation that it has encrypted itself",
    "crypto/credentials.py": "the data folder's credentials",
    "db/sqlite/backups.py": "a backup's manifest, whose members are checked one by one",
    "db/copies.py": "the data folder's stamp",
    "db/encryption/reencryption.py": "the key of the row that it was at, as it has stored it",
    "db/sql/page_tokens.py": "what a page token of ours holds, once its MAC holds",
    "telemetry/metrics/files.py": "what the processes of this server have written",
    "server/server_registry.py": "where the data folder's server is",
    "endpoints/oauth/client_assertion.py": "a key set that was checked when it was registered",
    "api/comments.py": "what `make gen` wrote",
    "endpoints/docs/reference/endpoints.py": "examples of a file of ours",
    "endpoints/docs/reference/examples.py": "what protobuf-py wrote",
    "identity/connections/providers/social_providers.py": "an operator's key, sealed by us",
    "identity/simulator/openid_provider.py": "what it has sealed itself",
    "web/forms/query_values.py": "what it has encrypted itself",
    "web/forms/problems.py": "what it has sealed itself",
    "settings/reading.py": "what the parent process has written",
    "endpoints/organization/single_sign_on/comparison.py": "attributes that we have stored",
    "endpoints/organization/widget_sessions.py": "claims of an access token that was verified",
    "transfer/deployment/examination.py": "what our own command wrote",
    "endpoints/console/environment/branding.py": "what it has sealed itself",
    "endpoints/organization/embedding.py": "what it has sealed itself",
    "identity/operators/provider.py": "what it has sealed itself",
    "tenants/branding/assets.py": "what it has sealed itself",
    "tenants/environment/service.py": "what was checked when it was stored",
    "core/strict_json.py": "the members' names, once all of it was parsed strictly",
    "core/structs.py": "what protobuf-py wrote",
    "api/pipeline.py": "what protobuf-py wrote",
    "api/messages.py": "what the strict parser has taken or refused, for its error",
    "i18n/translations.py": "texts of our catalogues",
    "endpoints/grpc_rest/rpc.py": "what connectrpc wrote",
}


def test_json_of_others_is_parsed_strictly():
    found = {
        str(path.relative_to(SRC))
        for path in SRC.rglob("*.py")
        if "gen" not in path.relative_to(SRC).parts and LAX.search(path.read_text())
    }
    assert found == set(OF_OURS)
