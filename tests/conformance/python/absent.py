"""Make calls of the official Python SDK that are not in this version, and print each answer.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line of
JSON per step of ../steps.json; the first step that fails ends the program.
"""

from __future__ import annotations

from scalekit import ScalekitClient
from scalekit.common.exceptions import ScalekitNotImplementedException
from steps import CLIENT_ID, CLIENT_SECRET, URL, expect_error, step

client = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET)


def expect_absent(feature, call, *args, **kwargs):  # noqa: ANN002, ANN003
    error = expect_error(ScalekitNotImplementedException, call, *args, **kwargs)
    assert error.message == f"{feature} are not in this version", error.message
    assert error.error_code == "UNIMPLEMENTED"
    assert error.http_status == 501
    return error.message


with step("connected_accounts") as seen:
    seen["message"] = expect_absent(
        "connected accounts", client.connected_accounts.list_connected_accounts
    )

with step("tools"):
    expect_absent("tools and tool providers", client.tools.list_tools)

with step("mcp_servers"):
    expect_absent("MCP servers", client.mcp.list_configs)

with step("resources"):
    expect_absent("protected resources and consents", client.resources.list_resources, 1)

with step("requests"):
    answer = client.actions.request("gmail", "ada@example.com", "/gmail/v1/users/me/messages")
    assert answer.status_code == 501
    said = answer.json()["message"]
    assert said == "requests through connected accounts are not in this version", said
