"""Forms with files are read whole, within limits, and never hold the loop."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.core import errors
from tenantry.net.http import Request
from tenantry.web.forms import uploads
from tenantry.web.forms.uploads import Upload

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"


def part(name, content, *, filename=None, extra=""):
    named = "" if filename is None else f'; filename="{filename}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n{extra}\r\n'
    return head.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def request(*parts: bytes, end=END, kind=None):
    kind = kind or f"multipart/form-data; boundary={BOUNDARY}"
    body = b"".join(parts) + end
    return Request("POST", "/portal", "", {"content-type": kind}, body, "req_1")


async def refused(asked):
    with pytest.raises(errors.InvalidArgument) as problem:
        await uploads.read(asked)
    return problem.value


async def test_members_and_files_come_as_they_were_sent():
    asked = request(
        part("title", "Grüße\r\nzwei".encode()),
        part("file", b"\x00\r\n--\xff", filename="a.pem", extra="Content-Type: text/plain\r\n"),
        part("empty", b""),
    )
    form = await uploads.read(asked)
    assert form.members == {"title": "Grüße\r\nzwei", "empty": ""}
    assert form.files == {"file": Upload("a.pem", b"\x00\r\n--\xff")}


async def test_a_field_without_a_file_has_none():
    form = await uploads.read(request(part("file", b"", filename="")))
    assert form.files == {}


async def test_a_form_without_files_may_come_in_the_usual_way():
    asked = request(end=b"a=1&b=", kind="application/x-www-form-urlencoded")
    assert (await uploads.read(asked)).members == {"a": "1", "b": ""}
    with pytest.raises(errors.UnsupportedMediaType):
        await uploads.read(request(end=b"{}", kind="application/json"))


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\\\x\\\\passwd", "/passwd"])
async def test_a_file_name_has_no_folders(name):
    form = await uploads.read(request(part("file", b"x", filename=name)))
    assert form.files["file"].name == "passwd"


@pytest.mark.parametrize(
    "asked",
    [
        request(part("a", b"1"), end=b""),
        request(part("a", b"1"), end=b"--"),
        request(end=b""),
        request(end=b"no boundary"),
        request(part("a", b"1"), kind="multipart/form-data"),
        request(part("a", b"1"), kind=f"multipart/form-data; boundary={'x' * 300}"),
        request(part("a", b"1"), kind="multipart/form-data; boundary=other"),
        request(part("a", b"1"), kind="multipart/form-data; boundary=\u20ac"),
        request(part("a", b"\xff")),
        request(*(part(f"a{number}", b"") for number in range(61))),
        request(part("a", b"", extra="X: y\r\n" * 9)),
        request(part("a", b"", extra=f"X: {'y' * 5000}\r\n")),
        request(f"--{BOUNDARY}\r\nContent-Type: text/plain\r\n\r\nx\r\n".encode()),
        request(f"--{BOUNDARY}\r\nContent-Disposition: attachment; name=a\r\n\r\n\r\n".encode()),
    ],
)
async def test_what_is_no_such_form_is_refused(asked):
    assert (await refused(asked)).status == 400


@pytest.mark.parametrize(
    "parts",
    [
        [part("a", b"1"), part("a", b"2")],
        [part("a", b"1"), part("a", b"2", filename="x")],
        [part("a", b"x" * (64 << 10) + b"x")],
        [part("a", b"1\x002")],
    ],
)
async def test_a_refusal_names_the_member(parts):
    assert (await refused(request(*parts))).violations[0].field == "a"


@pytest.mark.parametrize("piece", [b";", b'\\";', b"a=b;"])
async def test_no_header_of_many_parameters_is_taken_apart(piece):
    many = piece * (58_000 // len(piece))
    asked = request(kind='multipart/form-data; a="' + many.decode())
    begun = time.process_time()
    assert "too long" in str(await refused(asked))
    few = b'form-data; name="a"; a="' + piece * (3_900 // len(piece))
    part = f"--{BOUNDARY}\r\nContent-Disposition: ".encode() + few + b"\r\n\r\nx\r\n"
    assert "too long" in str(await refused(request(part)))
    assert time.process_time() - begun < 2


async def test_a_long_form_without_files_is_decoded_beside_the_loop(monkeypatch):
    decoded = []
    form = Request.form

    def watched(asked):
        decoded.append(threading.current_thread() is threading.main_thread())
        return form(asked)

    monkeypatch.setattr(Request, "form", watched)
    kind = "application/x-www-form-urlencoded"
    for most in (1000, 200_000):
        asked = request(end=b"a=" + b"%41" * (most // 3), kind=kind)
        assert set((await uploads.read(asked)).members["a"]) == {"A"}
    assert decoded == [True, False]


async def test_the_loop_goes_on_whatever_is_parsed():
    worst = 0.0
    over = asyncio.Event()

    async def watch():
        nonlocal worst
        while not over.is_set():
            begun = time.thread_time()
            await asyncio.sleep(0)
            worst = max(worst, time.thread_time() - begun)

    watching = asyncio.create_task(watch())
    near = f"\r\n--{BOUNDARY[:-1]}".encode() * 25_000  # a boundary that never is one
    form = await uploads.read(request(part("file", near, filename="x")))
    over.set()
    await watching
    assert form.files["file"].content == near
    assert worst < 0.5


@given(st.binary(max_size=3000))
async def test_any_content_comes_through(content):
    if f"\r\n--{BOUNDARY}".encode() in b"\r\n" + content:
        return
    form = await uploads.read(request(part("file", content, filename="x")))
    assert form.files["file"].content == content


@given(st.binary(max_size=600))
async def test_no_body_makes_it_fail_otherwise(body):
    for asked in (request(end=body), request(part("a", b"1"), end=body)):
        with suppress(errors.InvalidArgument):
            assert await uploads.read(asked) == uploads.Form()
