"""Our .proto files say on the wire what the Scalekit API says.

They are written by hand, so every element that they declare is held against the descriptors inside
the official Python SDK: messages and enums whole, rpcs one by one. Both sides are parsed into the
same descriptor classes, so options compare as messages, whatever order they were written in.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

import pytest
import scalekit.v1
from buf.validate import validate_pb2
from google.api import annotations_pb2, field_behavior_pb2, http_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
)
from scalekit.v1.options import options_pb2

import tenantry.gen.scalekit.v1
from tenantry.endpoints.grpc_rest import absent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    Facts = dict[str, Any]

ROLES, DOMAINS = "scalekit.v1.roles", "scalekit.v1.domains"


def widen(rules: validate_pb2.FieldRules) -> None:
    rules.string.max_len = 255


def bound_id(rules: validate_pb2.FieldRules) -> None:
    rules.string.max_len = 32


def allow_zero(rules: validate_pb2.FieldRules) -> None:
    rules.uint32.ClearField("gte")


def reword(rules: validate_pb2.FieldRules) -> None:
    rules.cel[0].message = "may hold only letters, digits, _ and :"


# Where our rules are others on purpose: what to do to the SDK's, by the name of the field.
OWN_RULES: dict[str, Callable[[validate_pb2.FieldRules], None]] = {
    # 0 is the default in every list.
    f"{ROLES}.ListPermissionsRequest.page_size": allow_zero,
    # A sentence is not a rule; this one is ours.
    f"{ROLES}.CreatePermission.name": reword,
    # An organization's external id has up to 255 characters, so a call can name it.
    **{
        f"{DOMAINS}.{name}DomainRequest.external_id": widen
        for name in ("Create", "Get", "List", "Update", "Delete", "Verify")
    },
    # A name in DNS has up to 253.
    "scalekit.v1.connections.ListConnectionsRequest.domain": widen,
    # A page of anybody's sends these, and the SDK has no bound for them.
    f"{DOMAINS}.ListAuthorizedDomainRequest.origin": widen,
    f"{DOMAINS}.ListAuthorizedDomainRequest.link_id": widen,
    "scalekit.v1.environments.GetCurrentSessionRequest.id": bound_id,
}

# The count in 2.21.0 of the SDK; another number means that the extraction below lost something.
ALL_SERVICES = 36
ALL_RPCS = 444
# It has no caller: it only names a message for those who generate from the files.
NOBODYS = {"scalekit.v1.errdetails.Dummy/DummyService"}


def modules(package: ModuleType, suffix: str) -> Iterator[Any]:
    """Imports every generated module below the package."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if found.name.endswith(suffix):
            yield importlib.import_module(found.name)


def own_files() -> list[FileDescriptorProto]:
    """The declarations of our .proto files."""
    return [
        FileDescriptorProto.FromString(module.desc().proto.to_binary())
        for module in modules(tenantry.gen.scalekit.v1, "_pb")
    ]


def sdk_files() -> list[FileDescriptorProto]:
    """The declarations of the SDK."""
    files = []
    for module in modules(scalekit.v1, "_pb2"):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        files.append(file)
    return files


def message_facts(message: DescriptorProto, name: str) -> Iterator[tuple[str, Facts]]:
    """The message, its oneofs and its fields; nested messages (so maps too) and enums after it."""
    rules = message.options.Extensions[validate_pb2.message]
    yield name, {"map entry": message.options.map_entry, "rules": rules}
    for oneof in message.oneof_decl:
        if not oneof.name.startswith("_"):
            yield f"{name}.{oneof.name}", {"rules": oneof.options.Extensions[validate_pb2.oneof]}
    for field in message.field:
        yield f"{name}.{field.name}", field_facts(field, message)
    for nested in message.nested_type:
        yield from message_facts(nested, f"{name}.{nested.name}")
    for enum in message.enum_type:
        yield from enum_facts(enum, f"{name}.{enum.name}")


def field_facts(field: FieldDescriptorProto, message: DescriptorProto | None) -> Facts:
    """All of a field that a client or the validator sees; an extension belongs to no message."""
    in_oneof = message is not None and field.HasField("oneof_index") and not field.proto3_optional
    return {
        "number": field.number,
        "type": FieldDescriptorProto.Type.Name(field.type),
        "type name": field.type_name,
        "label": FieldDescriptorProto.Label.Name(field.label),
        "optional": field.proto3_optional,
        "oneof": message.oneof_decl[field.oneof_index].name if message and in_oneof else None,
        "JSON name": field.json_name,
        "extends": field.extendee,
        "deprecated": field.options.deprecated,
        "behavior": list(field.options.Extensions[field_behavior_pb2.field_behavior]),
        "rules": field.options.Extensions[validate_pb2.field],
    }


def enum_facts(enum: EnumDescriptorProto, name: str) -> Iterator[tuple[str, Facts]]:
    """The enum and its values; of two names for one number, which comes first."""
    first = {value.number: value.name for value in reversed(enum.value)}
    yield name, {"alias": enum.options.allow_alias, "first names": first}
    for value in enum.value:
        facts = {"number": value.number, "deprecated": value.options.deprecated}
        yield f"{name}.{value.name}", facts


def rpc_facts(rpc: MethodDescriptorProto) -> Facts:
    """All of an rpc that a client or the policy sees."""
    return {
        "request": rpc.input_type,
        "response": rpc.output_type,
        "streams": (rpc.client_streaming, rpc.server_streaming),
        "deprecated": rpc.options.deprecated,
        "http": rpc.options.Extensions[annotations_pb2.http],
        "auth": rpc.options.Extensions[options_pb2.auth_option],
    }


def types(files: list[FileDescriptorProto]) -> dict[str, dict[str, Facts]]:
    """The facts of each top-level message, enum and extension, by its name and those within it."""
    found = {}
    for file in files:
        for message in file.message_type:
            name = f"{file.package}.{message.name}"
            found[name] = dict(message_facts(message, name))
        for enum in file.enum_type:
            name = f"{file.package}.{enum.name}"
            found[name] = dict(enum_facts(enum, name))
        for extension in file.extension:
            name = f"{file.package}.{extension.name}"
            found[name] = {name: field_facts(extension, None)}
    return found


def rpcs(files: list[FileDescriptorProto]) -> dict[str, Facts]:
    """The facts of each rpc, by service and name."""
    return {
        f"{file.package}.{service.name}/{rpc.name}": rpc_facts(rpc)
        for file in files
        for service in file.service
        for rpc in service.method
    }


def expected(facts: dict[str, dict[str, Facts]]) -> dict[str, dict[str, Facts]]:
    """The SDK's types with our rules where they are others on purpose."""
    for name, change in OWN_RULES.items():
        rules = facts[name.rpartition(".")[0]][name]["rules"]
        before = str(rules)
        change(rules)
        assert str(rules) != before, f"{name}: the SDK's rules are ours, so it need not be listed"
    return facts


def differences(own: dict[str, Facts], sdk: dict[str, Facts]) -> list[str]:
    """One line for each element that only one side has, and for each fact that differs."""
    lines = [f"{name}: only in our proto" for name in own.keys() - sdk.keys()]
    lines += [f"{name}: missing in our proto" for name in sdk.keys() - own.keys()]
    for name in own.keys() & sdk.keys():
        for fact, value in own[name].items():
            if value != sdk[name][fact]:
                lines.append(f"{name}: {fact} is {value!r}, must be {sdk[name][fact]!r}")
    return sorted(lines)


OWN_FILES = own_files()
OWN_TYPES, OWN_RPCS = types(OWN_FILES), rpcs(OWN_FILES)
SDK_TYPES, SDK_RPCS = expected(types(sdk_files())), rpcs(sdk_files())


@pytest.mark.parametrize("name", OWN_TYPES)
def test_type_is_equal(name: str) -> None:
    """Fields, numbers, types, presence, rules and enum values."""
    lines = differences(OWN_TYPES[name], SDK_TYPES.get(name, {}))
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize("name", OWN_RPCS)
def test_rpc_is_equal(name: str) -> None:
    """Request, response, routes and callers."""
    sdk = {name: SDK_RPCS[name]} if name in SDK_RPCS else {}
    lines = differences({name: OWN_RPCS[name]}, sdk)
    assert not lines, "\n".join(lines)


def bindings(rule: http_pb2.HttpRule) -> Iterator[tuple[str, str]]:
    """The verbs and paths of an rpc, `**` as our router spells the rest of a path."""
    for each in (rule, *rule.additional_bindings):
        verb = each.WhichOneof("pattern")
        if verb is not None:
            yield verb.upper(), getattr(each, verb).replace("/**", "/{path*}")


def test_what_we_do_not_declare_is_told_to_be_absent() -> None:
    """Every other rpc, by each of its routes: none is "not found"."""
    told = {(call.path[1:], call.verb, call.template) for call in absent.calls() if call.path}
    missing = {
        (name, verb, path)
        for name in SDK_RPCS.keys() - OWN_RPCS.keys() - NOBODYS
        for verb, path in bindings(SDK_RPCS[name]["http"])
    }
    assert missing == told
    assert len({name.split("/")[0] for name in SDK_RPCS}) == ALL_SERVICES
    assert len(SDK_RPCS) == ALL_RPCS


def renumber(field: FieldDescriptorProto) -> None:
    field.number += 1


def retype(field: FieldDescriptorProto) -> None:
    field.type = FieldDescriptorProto.TYPE_BYTES


def make_optional(field: FieldDescriptorProto) -> None:
    field.proto3_optional = True


def loosen(field: FieldDescriptorProto) -> None:
    field.options.Extensions[validate_pb2.field].string.max_len += 1


def rename(field: FieldDescriptorProto) -> None:
    field.name += "s"


@pytest.mark.parametrize("change", [renumber, retype, make_optional, loosen, rename])
def test_a_changed_field_is_noticed(change: Callable[[FieldDescriptorProto], None]) -> None:
    """The comparison names the element that was changed."""
    name = "scalekit.v1.organizations.CreateOrganization"
    (message,) = (
        each
        for file in OWN_FILES
        for each in file.message_type
        if each.name == "CreateOrganization"
    )
    changed = DescriptorProto.FromString(message.SerializeToString())
    change(changed.field[0])
    lines = differences(dict(message_facts(changed, name)), SDK_TYPES[name])
    assert lines
    assert all(line.startswith(f"{name}.display_name") for line in lines)


def test_a_changed_rpc_is_noticed() -> None:
    """Routes and permissions compare by content."""
    (service,) = (
        each for file in OWN_FILES for each in file.service if each.name == "OrganizationService"
    )
    name = "scalekit.v1.organizations.OrganizationService/CreateOrganization"
    changed = MethodDescriptorProto.FromString(service.method[0].SerializeToString())
    changed.options.Extensions[annotations_pb2.http].body = "*"
    changed.options.Extensions[options_pb2.auth_option].permissions.append("organizations:read")
    lines = differences({name: rpc_facts(changed)}, {name: SDK_RPCS[name]})
    assert [line.split(" is ")[0] for line in lines] == [f"{name}: auth", f"{name}: http"]
