"""Every rpc of the contract, and what each caller but a management client may send with it.

Mass assignment: fields that only the server or the product may set.
"""

from __future__ import annotations

import json

import pytest
from apis import Api, Service, refused, snake_case, unique
from protobuf import (
    DescEnum,
    DescFieldValueEnum,
    DescFieldValueList,
    DescFieldValueMap,
    DescFieldValueMessage,
    DescFieldValueScalar,
    DescMessage,
    ScalarType,
)
from served import SERVICES
from signins import SignIns

from tenantry.api import messages, policy
from tenantry.api.methods import of_service
from tenantry.core import errors
from tenantry.core.caller import Caller, Kind
from tenantry.identity.tokens import api_scopes
from tenantry.tenants.organizations.model import FEATURES
from tenantry.tenants.portal_links import service as portal_links
from tenantry.tenants.portal_links.model import PortalSession


class Nothing:
    """Has every method."""

    def __getattr__(self, name) -> None: ...


METHODS = [method for service in SERVICES for method in of_service(service, Nothing())]
NAMED = {method.name: method for method in METHODS}
ANYBODY = Kind.ANONYMOUS
PORTAL = PortalSession("pss_1", "org_1", portal_links.FEATURES, 0, frozenset(FEATURES))
# Every permission that a caller of this kind can have.
PERMISSIONS = {
    Kind.USER_SESSION: frozenset(api_scopes.NAMES),
    Kind.PORTAL_SESSION: portal_links.caller(PORTAL).permissions,
    Kind.ORGANIZATION_CLIENT: frozenset[str](),
    ANYBODY: frozenset[str](),
}
CALLERS = {
    kind: Caller(kind, "someone", "org_1", permissions, "ses_1", features=frozenset(FEATURES))
    for kind, permissions in PERMISSIONS.items()
}
# Fields that these kinds may change; all else that they send only names the object.
WRITES = {
    ("UpdateOrganization", Kind.USER_SESSION): {"display_name", "logo_url"},
    ("CreateUserAndMembership", Kind.USER_SESSION): {"email", "roles"},
    ("CreateMembership", Kind.USER_SESSION): {"roles"},
    ("UpdateMembership", Kind.USER_SESSION): {"roles"},
}
MOST = 6  # messages inside messages


def opens(method, kind):
    """Whether the contract's own options would let a caller of this kind in, at its most."""
    if not method.allowed & kind.value:
        return False
    return method.own or (
        not PERMISSIONS[kind].isdisjoint(method.permissions)
        if kind is not ANYBODY
        else not method.permissions
    )


def pairs():
    """Every rpc with each kind of caller that it has a list for."""
    return [(method, kind) for method in METHODS for kind in method.fields]


def fields(desc, path="", depth=0):
    """The paths of a message's fields with a value that each can have; all that are inside, too."""
    for field in desc.fields:
        where, value = f"{path}{field.name}", field.value
        inner = None
        if isinstance(value, DescFieldValueMessage):
            inner = value.message
        elif isinstance(value, DescFieldValueList) and isinstance(value.element, DescMessage):
            inner = value.element
        yield where, sample(value)
        if (
            isinstance(value, DescFieldValueMessage)
            and inner is not None
            and not inner.type_name.startswith("google.protobuf.")
            and depth < MOST
        ):
            yield from fields(inner, f"{where}.", depth + 1)


def sample(value):  # noqa: PLR0911 - one for each kind
    """Something in JSON that a field takes, and that is not what it is without being given."""
    match value:
        case DescFieldValueScalar(scalar=scalar):
            return of_scalar(scalar)
        case DescFieldValueEnum(enum=enum):
            return enum.values[-1].name
        case DescFieldValueMap():
            return {"stripe_customer": "cus_1"}
        case DescFieldValueList(element=DescEnum() as enum):
            return [enum.values[-1].name]
        case DescFieldValueList(element=DescMessage() as message):
            return [of_message(message)]
        case DescFieldValueList(element=element):
            return [of_scalar(element)]
        case DescFieldValueMessage(message=message):
            return of_message(message)
    raise AssertionError(value)


def of_scalar(scalar):
    return {ScalarType.STRING: "x", ScalarType.BOOL: True, ScalarType.BYTES: "eA=="}.get(scalar, 1)


def of_message(message):
    special = {
        "FieldMask": "displayName",
        "Timestamp": "2026-01-05T14:48:00Z",
        "Duration": "1s",
        "Struct": {"key": "value"},
        "Int32Value": 1,
        "UInt32Value": 1,
        "BoolValue": False,
        "StringValue": "",
        "DoubleValue": 1,
    }
    return special.get(message.name, {}) if message.type_name.startswith("google.") else {}


def spelled(path, value):
    """The request that has this field alone."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def json_name(name):
    """The name of a field in JSON, as in the JSON of a FieldMask."""
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def is_listed(path, allowed):
    """Whether a field may be sent, itself or as the way to one that may."""
    return any(
        path == one or path.startswith(f"{one}.") or one.startswith(f"{path}.") for one in allowed
    )


def unlisted():
    """Each field that a caller may not send with an rpc that it may call, the outermost."""
    for method, kind in pairs():
        refused_above = []
        for path, value in fields(method.input.desc()):
            if is_listed(path, method.fields[kind]) or any(
                path.startswith(f"{above}.") for above in refused_above
            ):
                continue
            refused_above.append(path)
            yield method, kind, path, value


def test_every_rpc_that_others_than_management_clients_may_call_lists_what_they_may_send():
    for method in METHODS:
        for kind in (Kind.USER_SESSION, Kind.PORTAL_SESSION, ANYBODY):
            reached, listed = opens(method, kind), kind in method.fields
            assert reached == listed, f"{method.path}: {kind.name} is {'let in' * reached}"


def test_no_rpc_is_for_an_organizations_client_but_what_anybody_may_call():
    for method in METHODS:
        anybody = ANYBODY in method.fields
        try:
            policy.check(method, CALLERS[Kind.ORGANIZATION_CLIENT])
        except errors.PermissionDenied:
            assert not anybody, method.path
        else:
            assert anybody, method.path


def test_an_rpc_without_a_list_is_refused_whatever_the_contract_says():
    for method in METHODS:
        for kind, caller in CALLERS.items():
            if method.fields.keys().isdisjoint({kind, ANYBODY}):
                with pytest.raises(errors.Error) as problem:
                    policy.check(method, caller)
                assert problem.value.code.name in {"PERMISSION_DENIED", "UNAUTHENTICATED"}


def test_every_field_that_is_listed_is_one_of_the_request():
    for method, kind in pairs():
        known = {path for path, _ in fields(method.input.desc())} | set(method.query)
        assert set(method.fields[kind]) <= known, (method.path, kind)
        assert len(set(method.fields[kind])) == len(method.fields[kind])


def test_each_field_that_is_not_listed_is_refused_and_named_and_each_other_is_taken():
    looked_at = 0
    for method, kind in pairs():
        for path, value in fields(method.input.desc()):
            allowed = method.fields[kind]
            if path == "update_mask" and is_listed(path, allowed):
                inner = next(one for one in allowed if "." in one)
                value = json_name(inner.partition(".")[2])  # noqa: PLW2901 - not any field
            message = messages.from_json(method.input, json.dumps(spelled(path, value)).encode())
            looked_at += 1
            if is_listed(path, allowed):
                policy.check_fields(method, CALLERS[kind], message)
                continue
            with pytest.raises(errors.PermissionDenied) as problem:
                policy.check_fields(method, CALLERS[kind], message)
            (violation,) = problem.value.violations
            assert path == violation.field or path.startswith(f"{violation.field}.")
            policy.check_fields(method, Caller(Kind.MANAGEMENT_CLIENT, "skc_1"), message)
    assert looked_at > 100


def test_what_people_change_of_what_is_not_theirs_alone():
    """A list that grows here is a decision about the product's own data."""
    for (name, kind), writes in WRITES.items():
        inner = [path for path in NAMED[name].fields[kind] if "." in path]
        assert {path.rpartition(".")[2] for path in inner} == writes


def test_what_comes_beside_the_message_is_held_to_the_list_as_well():
    method, caller = NAMED["UpdateOrganization"], CALLERS[Kind.USER_SESSION]
    with pytest.raises(errors.PermissionDenied, match=r"^force: "):
        policy.check_fields(method, caller, method.input(), {"force": ["true"]})


@pytest.fixture
async def admin(database, http, rest, make):
    """The admin of an organization, with the cookie of their session and with that of a portal."""
    signins = SignIns(database, http, rest, make)
    user = await make.user(membership={"roles": [{"name": "admin"}]})
    session, secret = await signins.session(user)
    features = [{"name": name, "enabled": True} for name in FEATURES]
    await rest.organizations.update_organization_settings(
        id=session.organization_id, settings={"features": features}
    )
    portal = await make.portal_session(http, session.organization_id)
    cookies = {
        Kind.USER_SESSION: f"__Host-tenantry_session={secret}",
        Kind.PORTAL_SESSION: portal,
        ANYBODY: "",
    }
    return session.organization_id, cookies


async def test_a_field_that_is_not_listed_is_refused_over_every_wire(wires, admin):
    """Each is sent, by each caller, as each wire spells it."""
    organization_id, cookies = admin
    sent = list(unlisted())
    assert {path for _, _, path, _ in sent} >= {
        f"organization.{name}" for name in ("external_id", "slug", "metadata")
    }
    for name, wire in wires.items():
        for method, kind, path, value in sent:
            if name == "rest" and not method.routes:
                continue
            request = spelled(path, value)
            for field in method.input.desc().fields:
                if field.name in {"id", "organization_id", "org_id", "connection_id"}:
                    request.setdefault(field.name, organization_id)
            api = Api(wire).sending(**({"cookie": cookies[kind]} if cookies[kind] else {}))
            # REST names a member of a body that is a field itself without that field.
            within = path.partition(".")[2] or path
            with refused("PERMISSION_DENIED", path, says=rf"^({path}|{within}): "):
                await call(api, method, request)


def call(api, method, request):
    """Make a call; a coroutine."""
    return getattr(Service(api, method.desc.parent), snake_case(method.name))(**request)


@pytest.mark.parametrize(
    "changes", [{"external_id": "other"}, {"slug": ""}, {"metadata": {"a": "b"}}]
)
async def test_an_organizations_own_admin_writes_its_name_and_logo_only(wire, rest, admin, changes):
    """The product's own members say in tokens whose organization it is."""
    organization_id, cookies = admin
    api = Api(wire).sending(cookie=cookies[Kind.USER_SESSION])
    before = (await rest.organizations.get_organization(id=organization_id))["organization"]
    for more in ({}, {"display_name": "New"}):
        (name,) = changes
        with refused("PERMISSION_DENIED", f"organization.{name}"):
            await api.organizations.update_organization(
                id=organization_id, organization={**changes, **more}
            )
    after = (await rest.organizations.get_organization(id=organization_id))["organization"]
    assert after == before
    answer = await api.organizations.update_organization(
        id=organization_id,
        organization={"display_name": "New", "logo_url": "https://example.com/logo.png"},
    )
    assert answer["organization"]["display_name"] == "New"


@pytest.mark.parametrize("path", ["metadata", "slug", "externalId", "organization.metadata"])
async def test_nor_clears_an_admin_by_a_mask_what_the_request_leaves_out(wire, rest, admin, path):
    organization_id, cookies = admin
    kept = {"metadata": {"stripe_customer": "cus_1"}, "slug": unique()}
    await rest.organizations.update_organization(id=organization_id, organization=kept)
    api = Api(wire).sending(cookie=cookies[Kind.USER_SESSION])
    with refused("PERMISSION_DENIED", says="is not among what this caller may send"):
        await api.organizations.update_organization(
            id=organization_id, organization={"display_name": "New"}, update_mask=path
        )
    answer = await rest.organizations.get_organization(id=organization_id)
    assert kept.items() <= answer["organization"].items()
