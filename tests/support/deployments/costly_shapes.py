"""Requests that are known to be costly to read, where their reader is not careful."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def filled(start: str, unit: str, end: str, size: int) -> bytes:
    """As many units as go into a size."""
    return (start + unit * ((size - len(start) - len(end)) // len(unit)) + end).encode()


def json_bodies(size: int) -> Iterator[tuple[str, bytes]]:
    """Bodies of this size in JSON, or in texts that look like it."""
    deep = '{"a":[' + "[]" * 65
    yield "deep lists", filled('{"a":', "[", "", size)
    yield "deep objects", filled("", '{"a":', "", size)
    yield "closed lists", filled('{"a":[', "[],", "[]]}", size)
    yield "a string that never ends", filled(deep + ',"', '\\"', "", size)
    yield "escapes", filled('{"a":"', "\\u0061", '"}', size)
    yield "surrogates", filled('{"a":"', "\\ud83d\\udc18", '"}', size)
    yield "backslashes", filled('{"a":"', "\\\\", '"}', size)
    yield "members", b"{" + b",".join(b'"%x":1' % n for n in range(size // 11)) + b"}"
    yield "members of one name", filled("{", '"a":1,', '"a":1}', size)
    yield "digits", filled('{"a":', "9", "}", size)
    yield "fraction", filled('{"a":0.', "9", "}", size)
    yield "exponent", filled('{"a":1e', "9", "}", size)
    yield "numbers", filled('{"a":[', "1,", "1]}", size)
    yield "spaces", filled("{", " ", "}", size)
    yield "no JSON", b"\xff" * size


def fields(size: int, *path: str) -> Iterator[tuple[str, bytes]]:
    """Bodies of this size whose one field, at this path, holds very much or something odd."""
    start = "".join(f'{{"{name}":' for name in path)
    end = "}" * len(path)
    for name, unit in {
        "text": "a",
        "marks": "\u0327\u0300",
        "ligatures": "\ufdfa",
        "sharp s": "ß",
        "dots": ".",
        "ats": "@",
        "labels": "a.",
        "spaces": " ",
        "punycode": "xn--a.",
    }.items():
        yield name, filled(f'{start}"', unit, f'"{end}', size // len(unit.encode()))
    yield "an address", filled(f'{start}"', "a.", f'@{"a." * 99}b"{end}', size)
    yield "strings", filled(f"{start}[", '"a",', f'"a"]{end}', size)
    yield "objects", filled(f"{start}[", "{},", f"{{}}]{end}", size)
    pairs = b",".join(b'"%x":"a"' % n for n in range(size // 13))
    yield "pairs", f"{start}{{".encode() + pairs + f"}}{end}".encode()
    few = b",".join(b'"%x":"a"' % n for n in range(3900))
    yield "fewer pairs", f"{start}{{".encode() + few + f"}}{end}".encode()


def binary_bodies(size: int, *numbers: int) -> Iterator[tuple[str, bytes]]:
    """Bodies of this size in protobuf's binary form; the numbers are those of nested fields."""

    def within(content: bytes) -> bytes:
        for number in reversed(numbers):
            content = made_of(number, content)
        return content

    for name, unit in {
        "empty values": b"\x0a\x00",
        "other empty values": b"\x2a\x00",
        "unknown values": b"\xf8\x07\x00",
        "groups": b"\xfb\x07",
        "nested values": made_of(1, made_of(1, made_of(1, b""))),
        "zeroes": b"\x00",
        "endless numbers": b"\x80",
        "pairs": made_of(4, made_of(1, b"a") + made_of(2, b"a")),
    }.items():
        yield name, within(unit * ((size - 20) // len(unit)))
    yield "a text", within(made_of(1, b"a" * (size - 40)))


def made_of(number: int, content: bytes) -> bytes:
    """A field of bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    spelled = b""
    while number > 127:
        spelled += bytes([number & 127 | 128])
        number >>= 7
    return spelled + bytes([number])


def headers(size: int = 30_000) -> Iterator[tuple[str, dict[str, str]]]:
    """Headers of this size."""

    def jwt(part: str) -> str:
        return base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode()

    deep = jwt("[" * (size // 2))
    for name, value in {
        "text": "a" * size,
        "tokens": "Bearer a.b.c," * (size // 13),
        "signed tokens": f"Bearer {jwt(_HEADER)}.e30.AAAA," * (size // 100),
        "a deep token": f"Bearer {deep}.e30.e30",
        "segments": "Bearer " + "e30." * (size // 4),
        "base64": "Basic " + base64.b64encode(b":" * (size // 2)).decode(),
        "commas": "Bearer " + "," * (size - 8),
    }.items():
        yield f"authorization: {name}", {"authorization": value}
    for name in _LISTS:
        for what, unit in {
            "commas": ",",
            "members": "a,",
            "weights": "a;q=0.1,",
            "dots": "1.1.",
        }.items():
            yield f"{name}: {what}", {name: (unit * size)[:size]}
        yield f"{name}: quotes", {name: ('"1",' * size)[:size]}
        yield f"{name}: text", {name: "a" * size}
        yield f"{name}: digits", {name: "1" * size}


_HEADER = '{"alg":"ES256","typ":"JWT","kid":"a"}'
_LISTS = (
    *("accept-language", "accept-encoding", "cookie", "x-forwarded-for", "if-match"),
    *("if-none-match", "user-agent", "content-type", "origin", "idempotency-key", "grpc-timeout"),
)


def queries(size: int = 30_000) -> Iterator[tuple[str, str]]:
    """Query strings of this size."""
    for name in ("page_token", "pageToken", "page_size", "external_id", "query", "filter.a", "a"):
        for what, unit in {"text": "a", "escapes": "%41", "commas": ",", "plus": "+"}.items():
            yield f"{name}: {what}", f"{name}=" + (unit * size)[: size // 3 * 3]
    yield "members", "&".join(f"a{n}=1" for n in range(size // 8))
    yield "filters", "&".join(f"metadata.a{n}=1" for n in range(size // 17))
    yield "ampersands", "&" * size
    yield "dots", "filter" + ".a" * (size // 2) + "=1"


def forms(size: int, **members: str) -> Iterator[tuple[str, bytes]]:
    """Bodies of this size of a form, beside these members."""
    start = "&".join(f"{name}={value}" for name, value in members.items()) + "&"
    names = ("client_id", "client_secret", "scope", "token", "code", "code_verifier", "email")
    names += ("password", "refresh_token", "client_assertion", "redirect_uri", "id_token_hint")
    for name in names:
        for what, unit in {
            "text": "a",
            "escapes": "%41",
            "spaces": "+",
            "marks": "%CC%A7%CC%80",
            "dots": "a.",
            "uris": "https://a.b/",
            "ats": "a@",
        }.items():
            yield f"{name}: {what}", filled(f"{start}{name}=", unit, "", size)
    yield "members", filled(start, "a=1&", "", size)
    yield "names", filled(start, "a", "", size)
    yield "ampersands", filled(start, "&", "", size)
    deep = base64.urlsafe_b64encode(b"[" * 11_000).rstrip(b"=").decode()
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    odd = f"client_assertion_type={kind}&client_assertion={deep}.{deep}.AAAA"
    yield "a deep assertion", f"{start}{odd}".encode()
