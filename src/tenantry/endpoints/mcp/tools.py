"""The rpcs as tools, and the toolsets that a client selects from.

A client lists the tools of the default toolsets, or of those that the URL names:
`/mcp?toolsets=organizations,users`, or `all`. Models choose badly among hundreds of tools.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.api import policy
from tenantry.api.comments import comment
from tenantry.api.methods import snake_case
from tenantry.api.schemas import Schemas
from tenantry.core import errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from tenantry.api.methods import Method
    from tenantry.core.caller import Caller

ALL = "all"
# Services by toolset.
TOOLSETS: Mapping[str, tuple[str, ...]] = {
    "organizations": ("OrganizationService", "DomainService", "OrganizationPolicyService"),
    "users": ("UserService", "SessionService", "SecondFactorService", "UserAttributeService"),
    "roles": ("RolesService",),
    "connections": ("ConnectionService", "SingleSignOnService", "SamlKeyPairService"),
    "directories": ("DirectoryService", "DirectoryPollingService", "DirectoryRequestService"),
    "sign_ins": ("SignInService", "AuditLogsService", "OverviewService", "StateService"),
    "clients": (
        *("ClientService", "ClientSettingsService"),
        *("ApiTokenService", "ApiTokenRecordService"),
    ),
    "events": ("EventsService", "EventRecordService", "WebhookService"),
    "email": ("EmailService", "EmailPreviewService", "MailService"),
    "interceptors": ("InterceptorService", "InterceptorSecretService"),
    "environment": (
        *("EnvironmentService", "SettingService", "DeploymentService", "OperatorService"),
        *("SigningKeyService", "KeyManagementService"),
    ),
}
DEFAULT = ("organizations", "users", "roles", "sign_ins")
# Applications call these services while a user signs in.
EXCLUDED_SERVICES = frozenset({"AuthService", "PasswordlessService", "TOTPService"}) | {
    "WebAuthnService"
}
# Their responses contain a new credential, which must not reach a model: use the console or API.
CREDENTIALS = frozenset(
    {
        *("CreateClientSecret", "CreateOrganizationClient", "CreateOrganizationClientSecret"),
        *("CreateResourceClient", "UpdateClientSecret", "CreateToken", "ValidateToken"),
        *("CreateDirectorySecret", "RegenerateDirectorySecret", "SetDirectoryCredentials"),
        *("CreateEndpoint", "RotateEndpointSecret", "RotateInterceptorSecret"),
        *("InviteOperator", "CreateOperatorLink"),
    }
)
# Who administers the deployment is decided in the console.
_OF_OPERATORS = frozenset({"UpdateOperator", "DeleteOperator", "RevokeOperatorSessions"})
# Rpcs that send requests or email, or look up DNS records: a rollback does not undo that, and a
# transaction must not wait for it.
_CALL_OTHER_SERVERS = frozenset(
    {
        *("ReadIssuer", "ReadMetadata", "ImportConnectionMetadata", "CreateConnection"),
        *("UpdateConnection", "EnableConnection", "UpdateEnvironmentConnection"),
        *("CreateEnvironmentConnection", "EnableEnvironmentConnection"),
        *("CreateDomain", "UpdateDomain", "VerifyDomain"),
        *("TestInterceptor", "SendTestEvent", "SendTestEmail", "TriggerDirectorySync"),
        *("CreateEmailServer", "UpdateEmailServerSettings", "EnableEmailServer"),
        *("Examine", "ReencryptData", "RotateSigningKeys", "GenerateNewSamlCertificate"),
        *("CreateDEK", "ActivateDEK", "DestroyDEK", "DestroyMasterKey"),
    }
)
_DESTRUCTIVE = re.compile("(Delete|Remove|Revoke|Destroy|Disable|Invalidate|Rotate|Reencrypt)")
_LOCATION = "#/$defs/"
DRY_RUN, CONFIRMATION = "dry_run", "confirmation"
_DRY_RUN = {
    "type": "boolean",
    "description": "Check the call and return what it would return, without changing anything.",
}
_CONFIRMATION = {
    "type": "string",
    "description": "Confirmation code of the first response. Send it only after the user agreed.",
}


@dataclass(frozen=True, slots=True)
class Tool:
    """An rpc that a client can call; ``is_destructive``: it asks for confirmation."""

    name: str
    toolset: str
    method: Method
    is_destructive: bool
    has_dry_run: bool

    @property
    def title(self) -> str:
        """The name in words: "Delete organization"."""
        return self.name.replace("_", " ").capitalize()

    def definition(self) -> dict[str, Any]:
        """Return the tool as `tools/list` has it."""
        method = self.method
        message = method.input.desc()
        schemas = Schemas([message], [], location=_LOCATION)
        schema = schemas.request_object(message)
        properties = schema["properties"]
        if self.has_dry_run:
            properties[DRY_RUN] = _DRY_RUN
        if self.is_destructive:
            properties[CONFIRMATION] = _CONFIRMATION
        if schemas.components:
            schema["$defs"] = schemas.components
        return {
            "name": self.name,
            "title": self.title,
            "description": comment(f"{method.service}.{method.name}"),
            "inputSchema": schema,
            "annotations": {
                "readOnlyHint": method.reads,
                "destructiveHint": self.is_destructive,
                "idempotentHint": method.reads,
                "openWorldHint": False,
            },
        }


class Catalogue:
    """All tools, in the order of the contract."""

    def __init__(self, methods: Iterable[Method]) -> None:
        self.tools = {tool.name: tool for tool in _tools(methods)}
        self._definitions: dict[str, dict[str, Any]] = {}

    def listed(self, caller: Caller, toolsets: Collection[str]) -> list[dict[str, Any]]:
        """Return the definitions of the tools of these toolsets that a caller may call."""
        return [
            self._definition(tool)
            for tool in self.tools.values()
            if tool.toolset in toolsets and may_call(tool, caller)
        ]

    def _definition(self, tool: Tool) -> dict[str, Any]:
        found = self._definitions.get(tool.name)
        if found is None:
            found = self._definitions[tool.name] = tool.definition()
        return found


def may_call(tool: Tool, caller: Caller) -> bool:
    """Whether the policy of the API lets a caller call a tool."""
    try:
        policy.check(tool.method, caller)
    except errors.Error:
        return False
    return True


def selected(names: str) -> Collection[str]:
    """Return the toolsets that the query parameter `toolsets` names.

    Raises:
        errors.InvalidArgument: one does not exist.

    """
    if not names:
        return DEFAULT
    if names == ALL:
        return TOOLSETS.keys()
    found = names.split(",")[: len(TOOLSETS) + 1]
    unknown = next((name for name in found if name not in TOOLSETS), None)
    if unknown is not None:
        known = ", ".join(TOOLSETS)
        raise errors.InvalidArgument.field("toolsets", "in", f"must be {ALL} or some of {known}")
    return found


def _tools(methods: Iterable[Method]) -> Iterator[Tool]:
    toolsets = {service: name for name, services in TOOLSETS.items() for service in services}
    for method in methods:
        toolset = toolsets.get(method.service.rpartition(".")[2])
        if toolset is None or method.name in CREDENTIALS | _OF_OPERATORS:
            continue
        yield Tool(
            snake_case(method.name),
            toolset,
            method,
            is_destructive=_DESTRUCTIVE.match(method.name) is not None,
            has_dry_run=not method.reads
            and method.before is None
            and method.name not in _CALL_OTHER_SERVERS,
        )
