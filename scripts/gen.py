"""Compiles proto/ into src/tenantry/gen/: its messages, its client, its comments, its examples.

Two imports of our .proto files are not ours. google/api/*.proto are installed as text by
googleapis-common-protos. buf/validate/validate.proto is installed by protovalidate as a descriptor
only, so protoc reads it from a descriptor set, and its module re-exports the one in protovalidate:
the messages and the validator then share the same extensions.

With --check nothing is written: the exit code says whether src/tenantry/gen/ is current.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import yaml
from protobuf.plugin import get_comments
from protobuf.wkt.google.protobuf.descriptor_pb import FileDescriptorSet
from protovalidate._gen.buf.validate import validate_pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protobuf import (
        DescEnum,
        DescEnumValue,
        DescExtension,
        DescField,
        DescFile,
        DescMessage,
        DescMethod,
        DescOneof,
        DescService,
    )
    from protobuf.wkt.google.protobuf.descriptor_pb import FileDescriptorProto

    Element = (
        DescEnum
        | DescEnumValue
        | DescExtension
        | DescField
        | DescMessage
        | DescMethod
        | DescOneof
        | DescService
    )

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
EXAMPLES = PROTO / "examples"
GEN = ROOT / "src" / "tenantry" / "gen"
PLUGIN = Path(sysconfig.get_path("scripts")) / "protoc-gen-py"
INSTALLED = Path(sysconfig.get_path("purelib"))
GOOGLE = (
    "google/api/annotations.proto",
    "google/api/field_behavior.proto",
    "google/api/http.proto",
    "google/rpc/status.proto",
)

PACKAGE = "from __future__ import annotations\n"
VALIDATE = '''"""The rules of buf.validate, as protovalidate declares them."""

from protovalidate._gen.buf.validate.validate_pb import *
'''


def main() -> int:
    """Generates, or with --check only compares; returns the exit code."""
    parser = argparse.ArgumentParser(description="Compile proto/ into src/tenantry/gen/.")
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    check = parser.parse_args().check

    with tempfile.TemporaryDirectory() as directory:
        fresh = Path(directory) / "gen"
        fresh.mkdir()
        generate(fresh, Path(directory))
        new, old = read_tree(fresh), read_tree(GEN)

    changed = sorted(name for name in new.keys() | old.keys() if new.get(name) != old.get(name))
    if check:
        for name in changed:
            print(f"not current: src/tenantry/gen/{name}", file=sys.stderr)
        return 1 if changed else 0
    for name in changed:
        path = GEN / name
        if name in new:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(new[name])
        else:
            path.unlink()
    return 0


def generate(out: Path, scratch: Path) -> None:
    """Writes everything that src/tenantry/gen/ holds into `out`."""
    own = sorted(path.relative_to(PROTO).as_posix() for path in PROTO.rglob("*.proto"))
    rules = scratch / "validate.binpb"
    rules.write_bytes(with_dependencies(validate_pb.desc()).to_binary())
    described = scratch / "described.binpb"

    command = [sys.executable, "-m", "grpc_tools.protoc"]
    command += [f"--descriptor_set_in={rules}", f"-I{PROTO}", f"-I{INSTALLED}"]
    command += [f"--plugin=protoc-gen-py={PLUGIN}", f"--py_out={out}"]
    command += [f"--descriptor_set_out={described}", "--include_imports", "--include_source_info"]
    if subprocess.run([*command, *own, *GOOGLE], check=False).returncode:
        sys.exit("protoc refused the files")

    validate = out / "buf" / "validate"
    validate.mkdir(parents=True)
    (out / "buf" / "__init__.py").write_text(PACKAGE)
    (validate / "__init__.py").write_text(PACKAGE)
    (validate / "validate_pb.py").write_text(VALIDATE)

    registry = FileDescriptorSet.from_binary(described.read_bytes()).to_registry()
    ours = [file for name in own if (file := registry.file(name)) is not None]
    for name, content in (("comments", read_comments(ours)), ("examples", read_examples(ours))):
        text = json.dumps(dict(sorted(content.items())), ensure_ascii=False, indent=1)
        (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    (out / "api_client.py").write_text(api_client(ours), encoding="utf-8")


CLIENT = '''"""Typed calls of every rpc: `api.users.get_user(users_pb.GetUserRequest(...))`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from protobuf import Message
    from protobuf.wkt import Empty

$imports


class Invoke(Protocol):
    """Makes one call: the path of the rpc, its request, and query members beyond the request."""

    async def __call__(
        self, path: str, request: Message[Any], extra: Mapping[str, Sequence[str]]
    ) -> Any:
        """Return the response."""


class ApiClient:
    """The services of the API, by the names of their files in proto/."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

$services

$classes
'''
SERVICE = '''    @cached_property
    def $name(self) -> $type:
        """$service."""
        return $type(self._invoke)
'''
CLASS = '''
class $type:
    """Calls of $service."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

'''
RPC = '''    async def $rpc(
        self, request: $input, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> $output:
        """Call $name."""
        answer: $output = await self._invoke("$path", request, extra or {})
        return answer
'''


def api_client(files: list[DescFile]) -> str:
    """The module of a client with a typed method for each rpc of our files."""
    imports, services, classes = [], [], []
    for file in sorted((one for one in files if one.services), key=lambda one: one.name):
        package, _, stem = file.name.removesuffix(".proto").rpartition("/")
        imports.append(f"    from tenantry.gen.{package.replace('/', '.')} import {stem}_pb")
        for service in file.services:
            type_ = service.name
            names = {"name": stem, "type": type_, "service": service.type_name}
            services.append(Template(SERVICE).substitute(names))
            rpcs = [
                Template(RPC).substitute(
                    rpc=snake_case(method.name),
                    input=type_of(method.input, files),
                    output=type_of(method.output, files),
                    name=method.name,
                    path=f"/{service.type_name}/{method.name}",
                )
                for method in service.methods
            ]
            classes.append(Template(CLASS).substitute(names) + "\n".join(rpcs))
    return Template(CLIENT).substitute(
        imports="\n".join(imports), services="\n".join(services), classes="\n".join(classes)
    )


def type_of(message: DescMessage, files: list[DescFile]) -> str:
    """How the client module names the class of a message of our files, or of Empty."""
    if message.type_name == "google.protobuf.Empty":
        return "Empty"
    (file,) = [one for one in files if message.file.name == one.name]
    module = file.name.removesuffix(".proto").rpartition("/")[2]
    return f"{module}_pb.{message.name}"


def snake_case(name: str) -> str:
    """The name of an rpc as that of a Python method, as `tenantry.api.methods` binds it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z](?!s\b)[a-z])", "_", name).lower()


def with_dependencies(file: DescFile) -> FileDescriptorSet:
    """A descriptor set of the file and all that it imports, imports first."""
    found: dict[str, FileDescriptorProto] = {}

    def add(each: DescFile) -> None:
        for dependency in each.dependencies:
            add(dependency)
        found.setdefault(each.name, each.proto)

    add(file)
    return FileDescriptorSet(file=list(found.values()))


def read_comments(files: list[DescFile]) -> dict[str, str]:
    """The comment above each element of our files, by full name; an element without one is refused.

    Descriptors at run time carry no comments, and the API reference is made from them.
    """
    comments = {
        full_name: flow(get_comments(element).leading or "")
        for file in files
        for full_name, element in elements(file)
    }
    if missing := [full_name for full_name, comment in comments.items() if not comment]:
        sys.exit(f"no comment above: {', '.join(missing)}")
    return comments


def read_examples(files: list[DescFile]) -> dict[str, Any]:
    """The examples of proto/examples/ by `Message.field`, or by the field's name alone.

    One whose field is not in the contract is refused.
    """
    loaded = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in EXAMPLES.iterdir()}
    general = loaded.pop("any")
    examples: dict[str, Any] = dict(general["fields"])
    for messages in loaded.values():
        for names, values in messages.items():
            for message in names.split(", "):
                examples.update({f"{message}.{field}": value for field, value in values.items()})
    known = set()
    for file in files:
        for full_name, _ in elements(file):
            *_, message, field = full_name.split(".")
            known |= {field, f"{message}.{field}"}
    if unknown := examples.keys() - known:
        sys.exit(f"examples of no field: {', '.join(sorted(unknown))}")
    return {name: filled(value, general["texts"]) for name, value in examples.items()}


def filled(value: Any, texts: dict[str, str]) -> Any:
    """The example with each `$name` in it replaced; `$public_url` is replaced when it is shown."""
    if isinstance(value, str):
        return Template(value).safe_substitute(texts)
    if isinstance(value, list):
        return [filled(one, texts) for one in value]
    if isinstance(value, dict):
        return {key: filled(one, texts) for key, one in value.items()}
    return value


def flow(comment: str) -> str:
    """The comment with each paragraph on one line and an empty line between paragraphs."""
    paragraphs = [""]
    for line in map(str.strip, comment.strip().splitlines()):
        if line:
            paragraphs[-1] = f"{paragraphs[-1]} {line}".lstrip()
        else:
            paragraphs.append("")
    return "\n\n".join(filter(None, paragraphs))


def elements(file: DescFile) -> Iterator[tuple[str, Element]]:
    """Everything in the file that can carry a comment, with its full name."""
    for service in file.services:
        yield service.type_name, service
        for method in service.methods:
            yield f"{service.type_name}.{method.name}", method
    for message in file.messages:
        yield from message_elements(message)
    for enum in file.enums:
        yield from enum_elements(enum)
    for extension in file.extensions:
        yield extension.type_name, extension


def message_elements(message: DescMessage) -> Iterator[tuple[str, Element]]:
    """The message with its fields and all that it nests."""
    yield message.type_name, message
    for oneof in message.oneofs:
        yield f"{message.type_name}.{oneof.name}", oneof
    for field in message.fields:
        yield f"{message.type_name}.{field.name}", field
    for nested in message.nested_messages:
        yield from message_elements(nested)
    for enum in message.nested_enums:
        yield from enum_elements(enum)


def enum_elements(enum: DescEnum) -> Iterator[tuple[str, Element]]:
    """The enum with its values, each named below its enum."""
    yield enum.type_name, enum
    for value in enum.values:
        yield f"{enum.type_name}.{value.name}", value


def read_tree(directory: Path) -> dict[str, bytes]:
    """All files below the directory, by relative path, without what Python caches."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


if __name__ == "__main__":
    sys.exit(main())
