"""The operations are what the descriptors say."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import httpx
import pytest

import tenantry.app
from tenantry.api.comments import comment, first_sentence
from tenantry.endpoints.docs.reference import endpoints, failures
from tenantry.endpoints.docs.reference import names as names_of


@pytest.fixture(scope="module")
def named(reference):
    return {operation.name: operation for operation in reference[0]}


def names(parameters):
    return [parameter.member.name for parameter in parameters]


def test_every_route_of_every_rpc_is_an_operation(methods, named):
    assert len(named) == sum(len(method.routes) for method in methods) > 0
    for method in methods:
        assert method.name in named


def test_every_service_has_its_group(methods, named):
    """A new one gets a line in names.toml: where it stands, and what people call it."""
    services = {service for group in names_of.groups() for service in group.services}
    assert {method.service.rpartition(".")[2] for method in methods} <= services
    listed = [group.name for group in names_of.groups()]
    assert len(listed) == len(set(listed))
    assert {operation.tag for operation in named.values()} <= set(listed)
    known = {method.name for method in methods}
    moved = [name for group in names_of.groups() for name in group.operations]
    assert set(moved) <= known


def test_names_are_given_to_what_there_is(named):
    titles = tomllib.loads(
        files("tenantry.endpoints.docs").joinpath("names.toml").read_text(encoding="utf-8")
    )["titles"]
    assert set(titles) <= set(named)
    assert list(titles) == sorted(titles)


def test_what_no_program_may_call_stands_with_the_pages(named):
    parts = {group.name: group.part for group in names_of.groups()}
    for operation in named.values():
        if "management client" not in operation.callers:
            assert parts[operation.tag] == "Browser API", operation.name


def test_no_two_operations_have_the_same_title(named):
    assert named["ListDirectories"].tag == "Directories"
    assert named["ReadIssuer"].tag == "Connections"
    titles = [operation.title for operation in named.values()]
    assert len(titles) == len(set(titles))
    assert named["GetUser"].title == "Get user"
    assert named["ListEventsPaginated"].title == "List events"
    assert named["GenerateNewSamlCertificate"].title == "Generate new SAML certificate"
    assert named["GetUser2"].title == "Get user by external id"
    assert named["UpdateDefaultRoles2"].title == "Update default roles (alias)"
    assert named["GetCurrentSession2"].title == "Get current session (alias)"
    assert named["GetCurrentSession3"].title == "Get current session (alias 2)"
    assert named["ListFailedSignIns"].title == "List failed sign-ins"


def test_every_operation_is_described(named):
    for operation in named.values():
        assert operation.summary, operation.name
        assert operation.callers, operation.name
        members = [p.member for p in operation.parameters]
        members += [*operation.answer, *(operation.body.members if operation.body else ())]
        assert [m.name for m in members if not m.description] == [], operation.name


def test_every_field_of_a_request_can_be_sent_once(named):
    """In the path, in the query or in the body; but for what excludes a variable of the path."""
    for operation in named.values():
        here = (operation.verb, operation.path)
        (route,) = [r for r in operation.method.routes if (r.verb, r.template) == here]
        beyond = operation.method.query
        outside = [n for n in names(operation.at("query")) if n not in beyond]
        outside = names(operation.at("path")) + outside
        inside = []
        if operation.body and operation.body.without:
            inside = [m.name for m in operation.body.members if "." not in m.name]
        elif operation.body:
            inside = [route.body] if route.body != "*" else []
            inside = inside or [m.name for m in operation.body.members if "." not in m.name]
        message = operation.method.input.desc()
        path = names(operation.at("path"))
        excluded = {
            field.name
            for oneof in message.oneofs
            for field in oneof.fields
            if field.name not in path and any(other.name in path for other in oneof.fields)
        }
        fields = {field.name for field in message.fields}
        sent = outside + inside
        assert len(sent) == len(set(sent)), operation.name
        # In the query, a message is its members: `filter.status`.
        assert {name.partition(".")[0] for name in sent} == fields - excluded, operation.name


def test_parameters_have_their_rules(named):
    (page_size,) = [
        p.member for p in named["SearchOrganization"].parameters if p.member.name == "page_size"
    ]
    assert page_size.rules == ("at most 30",)
    (features,) = [
        p.member for p in named["GeneratePortalLink"].at("query") if p.member.name == "features"
    ]
    assert (features.type, features.choices) == ("list of enums", ("dir_sync", "sso"))
    body = {m.name: m for m in named["CreateOrganization"].body.members}
    assert body["display_name"].required
    assert body["metadata"].type == "map of strings"
    assert "up to 10 pairs" in body["metadata"].rules


def test_a_query_beyond_the_message_is_a_parameter(named):
    assert "metadata.*" in names(named["ListOrganization"].at("query"))
    forced = {name for name, o in named.items() if "force" in names(o.at("query"))}
    assert forced == {
        *("DeleteUser", "DeleteUser2", "DeleteMembership", "DeleteMembership2"),
        *("UpdateMembership", "UpdateMembership2", "RemoveUserRole"),
    }
    seconds = named["CreateOrganizationClientSecret"].at("query")
    assert [(p.member.name, p.member.type) for p in seconds] == [
        ("overlap_seconds", "integer"),
        ("expires_in", "integer"),
    ]
    (force,) = named["RemoveUserRole"].at("query")
    assert force.member.type == "boolean"
    assert "`x-force`" in force.member.description


def test_a_body_may_be_a_list(named, document):
    body = named["AssignUserRoles"].body
    assert [m.name for m in body.members] == ["[].id", "[].role_name"]
    path = "/api/v1/organizations/{organization_id}/users/{user_id}/roles"
    told = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    assert told["schema"]["type"] == "array"
    assert told["example"] == [{"role_name": "editor"}]


def test_if_match_stops_changes_of_what_has_a_revision(named):
    conditional = {n for n, o in named.items() if "If-Match" in names(o.at("header"))}
    assert conditional == {
        "UpdateOrganization",
        "UpdateOrganizationPolicy",
        "DeleteOrganization",
        "UpdateOrganizationSettings",
        "UpdateOrganizationSessionPolicy",
        "UpdateOrganizationBranding",
        "UpsertUserManagementSettings",
        *("UpdateUser", "UpdateUser2", "DeleteUser", "DeleteUser2"),
        *("UpdateRole", "DeleteRole", "UpdateOrganizationRole", "DeleteOrganizationRole"),
        *("AddPermissionsToRole", "RemovePermissionFromRole"),
        *("DeleteRoleBase", "DeleteOrganizationRoleBase"),
        *("UpdatePermission", "DeletePermission", "UpdateDomain", "DeleteDomain"),
        *("UpdateClient", "DeleteClient", "UpdateClientSettings"),
        *("UpdateOrganizationClient", "DeleteOrganizationClient"),
        *("UpdateResource", "DeleteResource", "UpdateResourceClient", "DeleteResourceClient"),
        *("UpdateEndpoint", "DeleteEndpoint"),
        *(f"{verb}Connection" for verb in ("Update", "Delete", "Enable", "Disable")),
        *(f"{verb}EnvironmentConnection" for verb in ("Update", "Delete", "Enable", "Disable")),
        *("AssignDomainsToConnection", "UpdateConnectionSettings", "ImportConnectionMetadata"),
        *(f"{verb}Directory" for verb in ("Update", "Delete", "Enable", "Disable")),
        *("AssignGroupsForDirectory", "AssignRoles", "UpdateAttributes"),
    }
    assert all(412 in named[name].statuses for name in conditional)


def test_answers_that_show_what_has_a_revision_have_an_etag(named):
    listing = ("List", "Search", "Delete", "Remove")
    without = {name for name, operation in named.items() if not operation.etag}
    assert {name for name in without if not name.startswith(listing)} == {
        *("GeneratePortalLink", "GetPortalLinks", "GetApplicationSessionPolicy"),
        *("CreateMembership", "CreateMembership2", "UpdateMembership", "UpdateMembership2"),
        *("ResendInvite", "AssignUserRoles"),
        *("GetRoleUsersCount", "GetOrganizationRoleUsersCount"),
        *("UpdateDefaultRoles", "UpdateDefaultRoles2", "UpdateDefaultOrganizationRoles"),
        *("VerifyDomain", "UpdateLoginUserDetails", "GetLoginRequestDetails"),
        *("CreateClientSecret", "UpdateClientSecret", "UpdateClientSecret2"),
        *("CreateOrganizationClientSecret", "CreateScope", "CreateScope2", "UpdateScope"),
        *("AddEnvironmentRedirectUri", "SetEnvironmentInitiateLoginUri"),
        *("RevokeUserConsent", "RevokeCurrentAgentConsent"),
        *("CreateToken", "ValidateToken", "UpdateToken", "InvalidateToken"),
        *("SendTestEvent", "GetDelivery", "ReplayDelivery", "ReplayEvents"),
        *("GetSession", "RevokeSession", "GetUserSessions", "RevokeAllUserSessions"),
        *("GetCurrentUser", "GetCurrentUser2", "GetSupportHash"),
        *(f"GetCurrentSession{n}" for n in ("", "2", "3")),
        *("PortalBootstrap", "SendCustomEvent", "GetOverview", "GetSecondFactor"),
        "SimulateOrganizationPolicy",
        *("GetActivity", "GetSetupChecklist", "DismissSetupChecklist"),
        *("GetOperator", "InviteOperator", "CreateOperatorLink", "UpdateOperator"),
        "RevokeOperatorSessions",
        *(f"{verb}Interceptor" for verb in ("Create", "Get", "Update", "Enable", "Disable")),
        *("TestInterceptor", "RotateInterceptorSecret"),
        *(f"{verb}TokenTemplate" for verb in ("Upsert", "Get", "Enable", "Disable", "Preview")),
        "GetTokenTemplateContext",
        *("UpdateCredential", "BeginRegistration", "FinishRegistration"),
        *("BeginAuthentication", "FinishAuthentication", "GetRelatedOrigins"),
        *(f"{verb}TOTP" for verb in ("Register", "Enable", "Disable")),
        *("VerifyUserCode", "VerifyRegistrationCode"),
        *("DiscoveryAuthMethod", "VerifyPasswordLessOtp", "ResendAuthPasswordless"),
        *("SignupOrganization", "GetAuthState", "GetAuthError", "GetAuthError2", "Logout"),
        *("GetAuthCustomizations", "GetAuthFeatures"),
        *("EnableDirectory", "DisableDirectory", "TriggerDirectorySync"),
        *("SetDirectoryCredentials", "GetDirectoryPoll", "GetDirectoryRequest"),
        *("CreateDirectorySecret", "RegenerateDirectorySecret"),
        *("GetDirectoryContext", "UpdateDirectoryContext", "AssignGroupsForDirectory"),
        *(f"{verb}PasswordlessEmail" for verb in ("Send", "Verify", "Resend")),
        *(f"{verb}SsoUserAttribute{n}" for verb in ("Create", "Update") for n in ("", "2")),
        *(f"{verb}DirectoryUserAttribute" for verb in ("Create", "Update")),
        *("GetEnvironment", "UpdateEnvironment", "UpdateSettings", "GetPortalCustomization"),
        *("UpdatePortalCustomization", "UpdatePortalCustomization2", "GetPortalCustomization2"),
        *("CreateAssetUploadURL", "UpdateFeatures", "EnableFeature", "DisableFeature"),
        *("GetFeatures", "GetHostScopedPublicFeatureFlags", "GetContext", "UpdateContext"),
        *(
            f"{verb}Environment{subject}"
            for verb in ("Create", "Update", "Get")
            for subject in ("SessionSettings", "UserManagement")
        ),
        *("ReadIssuer", "ReadMetadata", "ReadCertificate", "GetSignIn"),
        *("GetApiToken", "RotateSigningKeys", "GetEventRecord", "VerifyEvents"),
        *(f"{verb}DEK" for verb in ("Create", "Activate", "Get", "Destroy")),
        *("ReencryptData", "GetMasterKey", "DestroyMasterKey"),
        *("GetMail", "RetryMail", "GetHealth", "Examine"),
        *("GenerateNewSamlCertificate", "EnableConnection", "DisableConnection"),
        *("EnableEnvironmentConnection", "DisableEnvironmentConnection"),
        *("GetConnectionTestResult", "GetConnectionContext", "GetConnectionContext2"),
        *("UpdateConnectionContext", "UpdateConnectionContext2"),
        *(
            f"{verb}EmailTemplate{n}"
            for verb in ("Create", "Get", "Update", "Enable", "Disable")
            for n in ("", "2")
        ),
        *("GetTemplatePlaceholders", "GetTemplateUseCases", "PreviewEmailTemplate"),
        *(f"{verb}EmailServer" for verb in ("Create", "Get", "Enable", "Disable")),
        *("UpdateEmailServerSettings", "SendTestEmail"),
        *("GetEmailConfiguration", "UpsertEmailConfiguration"),
    }
    assert not any(operation.etag for n, operation in named.items() if n.startswith(listing))


def test_only_a_post_takes_an_idempotency_key(named):
    keyed = {n for n, o in named.items() if "Idempotency-Key" in names(o.at("header"))}
    posts = {n for n, o in named.items() if o.verb == "POST" and not o.method.keyless}
    assert keyed == posts
    assert {"CreateOrganization", "CreateMembership2", "AssignUserRoles"} <= keyed
    assert all(422 in named[name].statuses for name in keyed)


def test_the_organization_is_shown_flat_and_whole(named):
    answer = {m.name: m for m in named["UpdateOrganization"].answer}
    assert answer["id"].required
    assert answer["organization"].required
    assert not answer["external_id"].required


def test_every_error_is_told_with_what_to_do():
    assert tenantry.app  # with all that a server loads
    failures.failures.cache_clear()
    told = {failure.error_code: failure for failure in failures.failures()}
    assert told["PRECONDITION_FAILED"].status == 412
    assert told["UNAUTHENTICATED"].status == 401
    assert "EVENT_GONE" in told  # of a room
    assert all(failure.meanings[0] and failure.remedy for failure in told.values())
    remedies = files("tenantry.endpoints.docs").joinpath("remedies.toml")
    assert set(tomllib.loads(remedies.read_text(encoding="utf-8"))) == set(told)


def test_every_endpoint_is_served_and_described(start_server):
    with httpx.Client(
        base_url=(server := start_server("endpoints")).url, verify=server.trust
    ) as api:
        listed = api.get("/.well-known/openid-configuration").json()
        known = {each.path for each in endpoints.all_of_them()}
        for name, value in listed.items():
            if name.endswith("_endpoint") or name == "jwks_uri":
                assert value.removeprefix(server.url) in known, name
        for each in endpoints.all_of_them():
            assert api.request(each.verb, each.path).status_code not in {404, 405}
            assert each.summary[0].isupper()
            assert not each.summary.endswith(".")
            for _, members in each.inputs:
                assert all(member.description.endswith(".") for member in members)


def test_a_first_sentence_ends_at_its_full_stop():
    assert first_sentence("Ends here. Not there.") == "Ends here"
    assert first_sentence("Such as `a.b`, not earlier.") == "Such as `a.b`, not earlier"
    assert comment("no.such.Thing") == ""
