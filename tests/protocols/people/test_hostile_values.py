"""No text, number, list or body makes an rpc of users, roles or domains fail: it is taken or named.

Cases 46, 55 and 62 of the attacks that this server must survive.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import struct
from urllib.parse import quote

import pytest
from apis import refused, unique
from rpcs import METHODS, OF_SESSIONS, World, about, call, texts_of, with_text
from wires import ApiError, Connect, Grpc, GrpcWeb, Rest, Text, path_of, spelled

from tenantry.gen.google.api import annotations_pb

pytestmark = pytest.mark.process

RPCS = [rpc for rpc in METHODS if rpc not in OF_SESSIONS]
# Refusals that name the fault, and the one for a state; anything else is a crash or a lie.
# RESOURCE_EXHAUSTED: what anybody may call takes 64 KiB.
FINE = {"INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED"}
AT_ONCE = 8

TEXTS = [
    "",
    "a\x00b",
    "two\r\nlines\r\nBcc: eve@example.com",
    "\u202egpj.exe\u200b\ufeff\u0430dmin",  # from right to left, nothing to see, no Latin a
    "\u0130\u00df\u01c5\ufb03",  # longer in another case
    "e\u0301" * 60,
    "\U0001f600\ufffe\uffff\U0010ffff",
    "\x01\x1f\x7f\x80\x9f\u2028",
    "%_\\",
    "' OR 1=1; DROP TABLE users; --",
    '"; NEAR(a b) OR *',
    "$1 $$ :p_id ? {0} %s",
    "<script>{{7*7}}{% raw %}</script>",
    "../../a:b/c?d#e&f=g;h",
    '{"$ne": null}',
    "9" * 30,
    "-1",
]
OF_IDS = ["' OR '1'='1", "\u0661" * 19, "9" * 21, "%" * 19, "0" * 19]
OF_ADDRESSES = [
    "\u0430da@example.com",
    "ada@ex\u0430mple.com",
    "ada\u202e@example.com",
    "a\u200bda@example.com",
    "ada@example.com\r\nBcc: eve@example.com",
    '"<script>"@example.com',
    "ada@example.com.",
    "ada@[127.0.0.1]",
    "ada@localhost",
    "ada@@example.com",
    "Ada <ada@example.com>",
    "ada@xn--a.com",
    "'or''='@example.com",
    "%@example.com",
]
PREFIXES = {"organization_id": "org_", "org_id": "org_", "user_id": "usr_"}
COUNTS = [-1, 2**31 - 1, -(2**31), 2**31, 2**32 - 1, 2**32, 2**63, -(2**63)]
NO_COUNTS = [1.5, "1", "x", True, "\u0661", " 1", "1_0"]


def texts_for(rpc, path):
    texts = [*TEXTS]
    prefix = PREFIXES.get(path[-1], "")
    if path == ("id",):
        prefix = "dom_" if "domain" in rpc else "usr_"
    if prefix:
        texts += [prefix + text for text in OF_IDS]
    if "email" in path[-1]:
        texts += OF_ADDRESSES
    if path[-1] == "domain":
        texts += [address.rpartition("@")[2] for address in OF_ADDRESSES]
    return texts


async def problem_of(called):
    """The refusal of a call, if there is one."""
    try:
        await called
    except ApiError as problem:
        return problem
    return None


class Attack:
    """A world to attack; where an attack was taken and took something away, another one."""

    def __init__(self, make, rest) -> None:
        self._make, self._rest = make, rest

    async def renew(self):
        self.world = await World.made(self._make, self._rest)

    async def ask(self, api, rpc, request):
        """Make a call that may be refused, but for no fault of ours; return its outcome."""
        with about(rpc, str(request)[:500]):
            problem = await problem_of(call(api, rpc, request))
            assert problem is None or (problem.code in FINE and problem.request_id), problem
        if problem is not None:
            return problem
        if rpc.startswith(("delete_", "remove_")):
            await self.renew()
        return None


@pytest.fixture
async def attack(make, rest):
    made = Attack(make, rest)
    await made.renew()
    return made


def all_texts():
    """Every place of a text in every rpc, with every text."""
    for rpc in RPCS:
        for path in texts_of(METHODS[rpc]):
            for text in texts_for(rpc, path):
                yield rpc, path, text


def test_no_place_of_a_text_is_forgotten():
    places = {(rpc, path) for rpc, path, _ in all_texts()}
    assert len(places) > 150
    assert ("create_user_and_membership", ("user", "membership", "roles", "[]", "id")) in places
    assert ("update_user", ("user", "user_profile", "custom_attributes", "{}")) in places


async def in_parts(calls):
    """Make these calls, some at a time."""
    calls = iter(calls)

    async def some():
        for one in calls:
            await one

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some())


@pytest.fixture
async def _defaults_stay(rest):
    """Have the next test find the default roles that an environment begins with."""
    yield
    await rest.roles.update_default_roles(
        default_creator_role="admin", default_member_role="member"
    )


# A quarter of the texts each; each text on both databases, over different wires.
_PARTS = [
    {("sqlite", Rest), ("postgresql", Grpc)},
    {("sqlite", Grpc), ("postgresql", Connect)},
    {("postgresql", Rest), ("sqlite", Connect)},
    {("postgresql", GrpcWeb), ("sqlite", GrpcWeb)},
]


@pytest.mark.usefixtures("_defaults_stay")
async def test_any_text_is_taken_or_refused(api, attack, server):
    database = "postgresql" if "postgresql" in server.log.parent.name else "sqlite"
    (part,) = (n for n, places in enumerate(_PARTS) if (database, type(api.wire)) in places)
    mine = itertools.islice(all_texts(), part, None, len(_PARTS))

    async def one(rpc, path, text):
        request = attack.world.request(rpc)
        changed = with_text(METHODS[rpc], request, path, text)
        if isinstance(api.wire, Rest):
            if _in_path(rpc, path) and not text:
                return  # another route
            # Domains have no route by external id: there it stands beside the id in the path.
            changed = {**request, **changed} if "domain" in rpc else changed
        await attack.ask(api, rpc, changed)

    await in_parts(one(*what) for what in mine)


def _in_path(rpc, path):
    return f"{{{path[0]}}}" in str(METHODS[rpc].proto.options[annotations_pb.ext_http])


@pytest.mark.wires("grpc")
async def test_a_text_of_a_megabyte_is_refused(api, attack):
    """Anywhere; but where nobody looks at it."""
    unread = {"connection_id", "include", "origin", "link_id", "display_name"}
    for rpc in RPCS:
        for path in texts_of(METHODS[rpc]):
            request = with_text(METHODS[rpc], attack.world.request(rpc), path, "x" * 1_000_000)
            problem = await attack.ask(api, rpc, request)
            assert problem or path[-1] in unread, (rpc, path)
            assert problem is None or len(problem.message) < 3_000


@pytest.mark.wires("rest", "connect")
async def test_half_a_surrogate_pair_is_refused(api, attack):
    for rpc in RPCS:
        for path in texts_of(METHODS[rpc]):
            if isinstance(api.wire, Rest) and (_in_path(rpc, path) or not _has_body(rpc, path)):
                continue  # it cannot be spelled there
            request = with_text(METHODS[rpc], attack.world.request(rpc), path, "abc\ud800")
            assert await attack.ask(api, rpc, request), (rpc, path)


def _has_body(rpc, path):
    rule = METHODS[rpc].proto.options[annotations_pb.ext_http]
    return rule.body in {"*", path[0]}


@pytest.mark.wires("grpc", "connect")
async def test_what_is_not_utf_8_is_refused(api, attack):
    mark, evil = b"Qx9zQx9z", b"ab\xff\xfe\xc0\x80\xed\xa0"
    for rpc in RPCS:
        method = METHODS[rpc]
        for path in texts_of(method):
            request = with_text(method, attack.world.request(rpc), path, mark.decode())
            if isinstance(api.wire, Grpc):
                message = spelled(method, request).to_binary()
                sent = api.wire.send(method, message.replace(mark, evil), api.headers)
                with about(rpc, path), refused("INVALID_ARGUMENT"):
                    await sent
            else:
                answer = await api.wire.http.post(
                    path_of(method),
                    content=json.dumps(request).encode().replace(mark, evil),
                    headers=[*api.headers, ("content-type", "application/json")],
                )
                assert answer.status_code == 400, (rpc, path, answer.text)


@pytest.mark.wires("rest")
async def test_what_is_not_utf_8_in_a_path_or_query_is_refused(api, attack):
    for rpc in RPCS:
        rule = METHODS[rpc].proto.options[annotations_pb.ext_http]
        for one in (rule, *rule.additional_bindings):
            template = str(one.pattern.value)
            for name in re.findall(r"\{(\w+)\}", template):
                request = attack.world.request(rpc)
                for evil in ("%FF", "%C0%80", "%ED%A0%80", "a%00b", "%F4%90%80%80"):
                    path = template.replace(f"{{{name}}}", evil)
                    path = re.sub(r"\{(\w+)\}", lambda m, r=request: quote(r.get(m[1], "x")), path)
                    await _refused_over_http(api, one.pattern.field, path, request.get(one.body))
            if rpc.startswith(("list_", "search_", "get_")):
                path = re.sub(r"\{(\w+)\}", "x", template)
                for query in ("%FF=1", "page_token=%FF", "query=%ED%A0%80", "include=%00"):
                    await _refused_over_http(api, one.pattern.field, f"{path}?{query}", None)


async def _refused_over_http(api, verb, path, body):
    answer = await api.wire.http.request(
        verb.upper(),
        path,
        content=None if body is None else json.dumps(body),
        headers=[*api.headers, ("content-type", "application/json")],
    )
    assert answer.status_code == 400, (verb, path, answer.text)
    assert answer.json()["code"] == 3


@pytest.mark.wires("rest", "connect", "grpc")
async def test_any_number_is_taken_or_refused(api, attack):
    for rpc, request in ((rpc, attack.world.request(rpc)) for rpc in RPCS):
        for name in {"page_size", "page_number"} & request.keys():
            for number in COUNTS if isinstance(api.wire, Grpc) else COUNTS + NO_COUNTS:
                low, high = (-(2**31), 2**31) if "domain" in rpc else (0, 2**32)
                if isinstance(api.wire, Grpc) and not low <= number < high:
                    continue  # it cannot be spelled
                await attack.ask(api, rpc, {**request, name: number})


@pytest.mark.wires("connect")
async def test_numbers_that_json_alone_can_spell_are_refused(api, attack):
    for rpc, request in ((rpc, attack.world.request(rpc)) for rpc in RPCS):
        for name in {"page_size", "page_number"} & request.keys():
            for text in ("1e400", "-1e400", "NaN", "1e-4", "0x10", "1" * 5000, "[1]", "{}"):
                with about(rpc, name, text[:10]), refused("INVALID_ARGUMENT"):
                    await call(api, rpc, {**request, name: Text(text)})


async def test_an_unknown_number_of_a_kind_is_refused(api, attack):
    one = attack.world
    for rpc, request in (
        ("list_permissions", {"type": 99}),
        ("list_permissions", {"type": -1}),
        ("list_domains", {**one.request("list_domains"), "domain_type": 99}),
        ("create_domain", {**one.request("create_domain"), "domain": {"domain_type": -1}}),
    ):
        with about(rpc, request), refused("INVALID_ARGUMENT"):
            await call(api, rpc, request)


async def test_lists_may_be_far_too_long(api, attack):
    """A refusal comes at once, and does not repeat the text 30,000 times."""
    one = attack.world
    many = [f"name_{n}" for n in range(30_000)]
    same = [one.permission["name"]] * 30_000
    roles = [{"name": one.own_role["name"]}] * 20_000
    held = [{"role_name": one.own_role["name"]}] * 20_000
    for rpc, member, value in (
        ("create_role", "permissions", many),
        ("create_role", "permissions", same),
        ("update_role", "permissions", many),
        ("create_organization_role", "permissions", many),
        ("update_organization_role", "permissions", same),
        ("add_permissions_to_role", "permission_names", many),
        ("add_permissions_to_role", "permission_names", same),
        ("update_membership", "roles", [{"name": name} for name in many]),
        ("update_membership", "roles", roles),
        ("create_membership", "roles", roles),
        ("create_user_and_membership", "roles", [{"id": f"role_{name}"} for name in many]),
        ("assign_user_roles", "roles", held),
        ("assign_user_roles", "roles", [{"id": name} for name in many]),
        ("create_user_and_membership", "groups", many),
        ("update_user", "groups", same),
        ("update_user", "metadata", dict.fromkeys(many, "x")),
    ):
        request = one.request(rpc)
        _replace(request, member, value)
        problem = await attack.ask(api, rpc, request)
        assert problem is None or len(problem.message) < 3_000


def _replace(request, member, value):
    """Put a value where a request has this member."""
    if member in request:
        request[member] = value
        return True
    inner = (value_ for value_ in request.values() if isinstance(value_, dict))
    return any(_replace(one, member, value) for one in inner)


@pytest.mark.wires("rest", "connect")
async def test_bodies_that_json_hardly_allows_are_taken_or_refused(api, attack):
    one = attack.world
    user, role = one.request("update_user"), one.request("update_role")
    second = unique()
    twice = f'{{"external_id":"x","external_id":"{second}","metadata":{{"key":"a","key":"b"}}}}'
    await call(api, "update_user", {"id": one.user["id"], "user": Text(twice)})
    read = (await call(api, "get_user", {"id": one.user["id"]}))["user"]
    assert (read["external_id"], read["metadata"]) == (second, {"key": "b"})
    for text in (
        "[" * 100_000,
        '{"user_profile":' * 50_000,
        '{"a":' * 60 + "1" + "}" * 60,
        '{"metadata":{"key":' + "[" * 5_000 + "]" * 5_000 + "}}",
        "[]",
        "null",
        '"text"',
        "1",
        "{",
        '{"external_id":NaN}',
        '{"external_id":"\\ud800"}',
        '{"externalId":"a","external_id":"b","user_profile":[]}',
        '{"user_profile":{"groups":[1,2]}}',
        '{"metadata":[["a","b"]]}',
        '{"metadata":{"key":1}}',
        '{"__proto__":{"admin":true}}',
        '{"user.external_id":"x"}',
        '{"\\u0000":1}',
        "\ufeff{}",
    ):
        with about(text[:50]), refused("INVALID_ARGUMENT"):
            await call(api, "update_user", {**user, "user": Text(text)})
        with about(text[:50]), refused("INVALID_ARGUMENT"):
            await call(api, "update_role", {**role, "role": Text(text)})


@pytest.mark.wires("grpc", "grpc-web")
async def test_bytes_that_are_no_message_are_refused(api, attack):
    deep = b""
    for _ in range(20_000):
        deep = b"\x1a" + _length(len(deep)) + deep
        if len(deep) > 900_000:
            break
    for rpc in RPCS:
        for body in (
            b"\xff" * 40,
            b"\x0a\xff\xff\xff\xff\x0fabc",
            b"\x0a\x05ab",
            b"\x0b" * 500,
            deep,
        ):
            with about(rpc, body[:10]):
                code = await _code_of_bytes(api, METHODS[rpc], body)
                assert code in FINE | {"OK"}


async def _code_of_bytes(api, method, body):
    if isinstance(api.wire, Grpc):
        problem = await problem_of(api.wire.send(method, body, api.headers))
        return problem.code if problem else "OK"
    answer = await api.wire.http.post(
        path_of(method),
        content=struct.pack(">BI", 0, len(body)) + body,
        headers=[*api.headers, ("content-type", "application/grpc-web+proto")],
    )
    named = dict(answer.headers)
    status = re.search(rb"grpc-status: ?(\d+)", answer.content)
    code = int(named.get("grpc-status") or status[1])
    return {0: "OK", 3: "INVALID_ARGUMENT", 5: "NOT_FOUND", 8: "RESOURCE_EXHAUSTED"}.get(
        code, str(code)
    )


def _length(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


async def test_after_all_that_the_log_tells_of_no_fault(server):
    assert "unexpected error" not in server.log.read_text(errors="replace")


@pytest.mark.parametrize(
    "address",
    [
        *("\u0430da@example.com", "ada@ex\u0430mple.com", "ada@example\u3002com"),
        *("a\u200bda@example.com", "ada\u202e@example.com", "\uff41da@example.com"),
        *("ada@example.com\r\nBcc: eve@example.com", "ada@example.com\u2028", "\u0130da@a.com"),
    ],
)
async def test_an_address_that_only_looks_like_another_is_none(api, attack, address):
    request = attack.world.request("create_user_and_membership")
    request["user"]["email"] = address
    with refused("INVALID_ARGUMENT", "user.email"):
        await call(api, "create_user_and_membership", request)


async def test_a_refusal_that_repeats_line_ends_adds_no_header(api, attack):
    """Nor a trailer: a text of somebody else's comes back in the refusal."""
    evil = "a\r\nx-evil: 1\r\ngrpc-status: 0\r\n\r\n{}"
    one = attack.world
    await attack.ask(api, "update_user", {"id": one.user["id"], "user": {"external_id": evil}})
    for rpc, request in (
        ("update_user", {"id": one.invited["id"], "user": {"external_id": evil}}),
        ("assign_user_roles", {**one.request("assign_user_roles"), "roles": [{"id": evil}]}),
    ):
        with about(rpc), refused("INVALID_ARGUMENT") as it:
            await call(api, rpc, request)
        assert "x-evil" not in it.value.headers
        assert "x-evil" in it.value.message
    await api.users.update_user(id=one.user["id"], user={"external_id": ""})
