"""Drive DirectoryService with the official Python SDK and print each step's answer.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line of
JSON per step of ../steps.json; the first step that fails ends the program.
"""

from __future__ import annotations

import requests
from google.protobuf.json_format import MessageToDict
from scalekit import ScalekitClient
from scalekit.v1.directories.directories_pb2 import (
    LDAP,
    MICROSOFT_AD,
    OKTA,
    SCIM,
    CreateDirectory,
    CreateDirectorySecretRequest,
    ListDirectoryGroupsRequest,
    ListDirectoryUsersRequest,
)
from scalekit.v1.domains.domains_pb2 import ORGANIZATION_DOMAIN
from scalekit.v1.organizations.organizations_pb2 import CreateOrganization
from steps import (
    CLIENT_ID,
    CLIENT_SECRET,
    RUN,
    UNKNOWN,
    URL,
    expect_bad_request,
    expect_not_found,
    step,
)

client = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET)
directories = client.directory


def create_organization(name):
    request = CreateOrganization(display_name=f"{name} {RUN}")
    return client.organization.create_organization(request)[0].organization.id


def create(type_=SCIM, provider=OKTA, organization_id=None):
    given = CreateDirectory(directory_type=type_, directory_provider=provider)
    return directories.create_directory(organization_id or acme, given)[0].directory


def get(directory_id):
    return directories.get_directory(acme, directory_id)[0].directory


def called(name, request):
    """Call an rpc that the SDK has no method for, or one that fails on what it gets."""
    stub = getattr(directories.directory_service, name)
    return client.core_client.grpc_exec(stub.with_call, request)[0]


def pushed(directory, secret, kind, resource):
    answer = requests.post(
        f"{directory.directory_endpoint}/{kind}",
        json=resource,
        headers={"Authorization": f"Bearer {secret}"},
        timeout=30,
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


acme, globex = create_organization("Acme"), create_organization("Globex")

with step("create") as seen:
    okta = create()
    assert okta.id.startswith("dir_")
    assert (okta.directory_type, okta.directory_provider) == (SCIM, OKTA)
    assert (okta.organization_id, okta.status, okta.enabled) == (acme, "DRAFT", True)
    assert okta.directory_endpoint == f"{URL}/directory/{okta.id}/scim/v2"
    seen["id"] = okta.id

with step("create_refused"):
    expect_bad_request(create, LDAP)

with step("get"):
    assert get(okta.id) == okta

with step("list"):
    entra = create(provider=MICROSOFT_AD)
    page = directories.list_directories(acme)[0]
    assert [one.id for one in page.directories] == [okta.id, entra.id]
    assert directories.get_primary_directory_by_organization_id(acme).id == okta.id

with step("enable_and_disable"):
    assert directories.enable_directory(acme, okta.id)[0].enabled
    assert get(okta.id).enabled
    assert not directories.disable_directory(acme, okta.id)[0].enabled

with step("people"):
    of = {"organization_id": acme, "directory_id": okta.id}
    domain = f"{RUN}.example.com"
    client.domain.create_domain(acme, domain, ORGANIZATION_DOMAIN)
    directories.enable_directory(acme, okta.id)
    secret = called("CreateDirectorySecret", CreateDirectorySecretRequest(**of)).plain_secret
    ada = pushed(okta, secret, "Users", {"userName": f"ada@{domain}", "externalId": "00u1"})
    group = pushed(
        okta, secret, "Groups", {"displayName": "Engineering", "members": [{"value": ada}]}
    )
    page = called("ListDirectoryUsers", ListDirectoryUsersRequest(**of, include_detail=True))
    (user,) = page.users
    assert (user.id, user.email, page.total_size) == (ada, f"ada@{domain}", 1)
    assert [one.id for one in user.groups] == [group]
    assert MessageToDict(user.user_detail)["externalId"] == "00u1"
    (found,) = called("ListDirectoryGroups", ListDirectoryGroupsRequest(**of)).groups
    assert (found.id, found.display_name, found.total_users) == (group, "Engineering", 1)
    after = get(okta.id)
    assert (after.status, after.total_users, after.total_groups) == ("COMPLETED", 1, 1)
    assert after.secrets[0].secret_suffix == secret[-4:]

with step("not_found") as seen:
    error = expect_not_found(get, f"dir_{UNKNOWN}")
    expect_not_found(directories.get_directory, globex, okta.id)
    expect_not_found(directories.enable_directory, globex, okta.id)
    expect_not_found(create, organization_id=f"org_{UNKNOWN}")
    seen["message"] = error.message

with step("delete"):
    for one in (okta, entra):
        refused = expect_bad_request(directories.delete_directory, acme, one.id)
        assert "directory is enabled" in refused.message
        assert "disable" in refused.message
        directories.disable_directory(acme, one.id)
        directories.delete_directory(acme, one.id)
    expect_not_found(get, okta.id)
    assert not directories.list_directories(acme)[0].directories
    for organization_id in (acme, globex):
        client.organization.delete_organization(organization_id)
