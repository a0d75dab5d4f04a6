"""NDJSON and CSV in pieces of any size."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.core import errors
from tenantry.identity.authenticators.passwords import hashes
from tenantry.transfer.bulk import formats
from tenantry.transfer.bulk.formats import Format
from tenantry.transfer.bulk.rows import COLUMNS

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
# A cell that is empty says nothing, and a lone \r ends no line of ours.
CELL = TEXT.map(lambda text: text.replace("\r", "")).filter(bool)


def read(kind, content, cuts=()):
    """The records of a file that comes in pieces cut at these places."""
    reader = formats.reader(kind, COLUMNS, required="email")
    places = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    found = []
    for start, end in itertools.pairwise(places):
        found += reader.feed(content[start:end])
    return [*found, *reader.end()]


CUTS = st.lists(st.integers(0, 10_000), max_size=10)


@given(st.lists(st.dictionaries(TEXT, TEXT, max_size=3), max_size=8), CUTS)
def test_pieces_of_ndjson_make_no_difference(rows, cuts):
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
    found = read(Format.NDJSON, content, cuts)
    assert [record.members for record in found] == rows
    assert [record.line for record in found] == list(range(1, len(rows) + 1))


@given(
    st.lists(st.tuples(CELL, CELL), max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    CUTS,
)
def test_pieces_of_csv_make_no_difference(rows, ending, quoting, cuts):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=ending, quoting=quoting).writerows([("email", "name"), *rows])
    content = text.getvalue().encode()
    found = read(Format.CSV, content, cuts)
    assert [record.members for record in found] == [{"email": e, "name": n} for e, n in rows]
    assert [record.line for record in found] == [
        2 + sum(1 + (e + n).count("\n") for e, n in rows[:index]) for index in range(len(rows))
    ]


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b'{"email"', Format.NDJSON),
        (b"\n  {", Format.NDJSON),
        (b'[{"email"', Format.NDJSON),
        (b"\xef\xbb\xbf{", Format.NDJSON),
        (b"email,name", Format.CSV),
        (b'\xef\xbb\xbf"email"', Format.CSV),
    ],
)
def test_the_format_is_seen_at_the_start(start, kind):
    assert formats.guess(start) is kind


def test_a_byte_order_mark_is_no_part_of_the_file():
    for kind, content in (
        (Format.NDJSON, b'{"email": "a"}\n'),
        (Format.CSV, b"email\na\n"),
    ):
        for cuts in ([], [1], [1, 2], [3], [4]):
            (record,) = read(kind, b"\xef\xbb\xbf" + content, cuts)
            assert record.members == {"email": "a"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (gzip.compress(b'{"email": "a@example.com"}\n' * 100, mtime=0), "compressed by gzip"),
        (b"PK\x03\x04\x14\x00\nusers.csv", "ZIP archive or a workbook"),
        ("email\na\n".encode("utf-16"), "UTF-16"),
        (b"\xfe\xff" + "email\na\n".encode("utf-16-be"), "UTF-16"),
    ],
)
@pytest.mark.parametrize("cuts", [[], [1]])
@pytest.mark.parametrize("kind", Format)
def test_what_is_no_text_is_refused_as_a_whole(kind, content, says, cuts):
    with pytest.raises(errors.InvalidArgument, match=says):
        read(kind, content, cuts)


def test_a_line_without_an_end_is_not_kept():
    reader = formats.reader(Format.NDJSON, COLUMNS, required="email")
    for _ in range(100):
        assert list(reader.feed(b"x" * 100_000)) == []
    assert len(reader._lines._rest) <= formats.MAX_ROW
    found = list(reader.feed(b'\n{"email": "a"}\n'))
    assert [(record.line, record.problem) for record in found] == [(1, "is too long"), (2, "")]


def test_an_open_quote_costs_a_row_and_not_the_file():
    content = b'email,name\na,"open\n' + b"b,c\n" * 100_000
    found = read(Format.CSV, content)
    assert (found[0].line, found[0].problem) == (
        2,
        "has a quote in line 2 that is not closed within 128 KiB",
    )
    assert [record.line for record in found] == list(range(2, 100_003))
    assert all(record.members == {"email": "b", "name": "c"} for record in found[1:])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'a,"b\nc,d\ne,f\n', {2: "has a quote in line 2 that is never closed"}),
        # The first cell of the row goes on in line 3, where the second one opens.
        (
            b'"a\nb","c\nd,e\n',
            {2: "has a quote in line 3 that is never closed", 3: "has a quote that is not closed"},
        ),
        (b'a,"b\nc,"d\ne,f\n', {2: "',' expected after '\"'", 3: "has a quote that is not closed"}),
        (b'a,"b\n\xff",c\nd,e\n', {2: "is not UTF-8", 3: "is not UTF-8"}),
        (
            b'a,"b\n\0",c\nd,e\n',
            {2: "must not contain a NUL character", 3: "must not contain a NUL character"},
        ),
        (b'a,b"c\nd,e\n', {}),
        (b'a,"b""c\n""d,"",\n"\ne,f\n', {}),
    ],
)
@pytest.mark.parametrize("cuts", [(), range(60)])
def test_a_fault_names_its_line_and_leaves_the_others(content, told, cuts):
    found = read(Format.CSV, b"email,name\n" + content, cuts)
    assert {record.line: record.problem for record in found if record.problem} == told
    assert found[-1].members


def test_an_open_quote_among_the_heads_is_said_of_the_file():
    with pytest.raises(errors.InvalidArgument, match="line 1: has a quote in line 1 that is never"):
        read(Format.CSV, b'email,"name\na,b\n')


# Characters that make rows of all kinds.
SOUP = st.text('",\n ab\r', max_size=40)


@given(SOUP, CUTS)
def test_rows_are_those_of_the_standard_library(text, cuts):
    content = f"email,name\n{text}"
    try:
        expected = list(csv.reader(io.StringIO(content, newline="\n"), strict=True))[1:]
    except csv.Error:
        read(Format.CSV, content.encode(), cuts)  # it is read somehow, and without an error
        return
    found = read(Format.CSV, content.encode(), cuts)
    assert [record.members for record in found] == [
        {name: value for name, value in zip(("email", "name"), row, strict=True) if value}
        if len(row) == 2
        else None
        for row in expected
        if row
    ]


LONG = {
    "an open quote": lambda n: b'a,"open\n' + b"b,c\n" * n,
    "open quotes": lambda n: b'a,"open\n' * n,
    "quotes that close and open": lambda n: b'a,"\n' + b'b",x,"\n' * n,
    "an open quote and line breaks": lambda n: b'a,"' + b"\n" * n,
    "an open quote and quotes": lambda n: b'a,"' + b'""\n' * n,
    "an open quote and heads": lambda n: b'a,"' + b'"",\n' * n,
    "a row of quotes": lambda n: b'"' * n,
    "a row of cells": lambda n: b'"",' * n,
    "good rows": lambda n: b'"a","b"\n' * n,
}


@pytest.mark.parametrize("make", LONG.values(), ids=LONG)
@pytest.mark.parametrize("piece", [1 << 16, 10])
def test_the_time_grows_with_the_file(make, piece):
    def seconds(n):
        content = b"email,name\n" + make(n)
        start = time.process_time()
        read(Format.CSV, content, range(0, len(content), piece))
        return time.process_time() - start

    seconds(1_000)
    small = min(seconds(4_000) for _ in range(3))
    large = min(seconds(16_000) for _ in range(3))
    # Four times the file: 4 if the time is linear, 16 if it is quadratic.
    assert large <= 9 * small + 0.05  # an instant that anything takes


def test_many_line_breaks_in_a_cell_are_taken():
    content = b'email,name\na,"' + b"\n" * 120_000 + b'"\n'
    found = read(Format.CSV, content, range(0, len(content), 10))
    assert found[0].members == {"email": "a", "name": "\n" * 120_000}


def test_no_more_than_a_row_is_held():
    reader = formats.reader(Format.CSV, COLUMNS, required="email")
    assert list(reader.feed(b'email,name\na,"')) == []
    most = 0
    for _ in range(300):
        list(reader.feed(b"\n" * 1_000))
        most = max(most, len(reader._rows._taken) + len(reader._rows._waiting))
    assert most <= formats.MAX_ROW


B64 = "c29tZXNhbHRzb21lc2FsdA"
GOOD = [
    f"$argon2id$v=19$m=65536,t=3,p=4${B64}${B64}",
    f"$argon2i$v=19$m=4096,t=3,p=1${B64}${B64}",
    f"$argon2d$m=4096,t=3,p=1${B64}${B64}",
    "$2b$12$" + "a" * 53,
    "$2a$04$" + "." * 53,
    "$2y$10$" + "/" * 53,
    f"$scrypt$ln=16,r=8,p=1${B64}${B64}",
    "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
    f"$pbkdf2-sha256$29000${B64}${B64}",
    f"$pbkdf2-sha512$i=600000,l=64${B64}${B64}",
    f"$pbkdf2$1000${B64}${B64}",
]


@pytest.mark.parametrize("text", GOOD)
def test_a_hash_of_a_known_form_is_taken(text):
    assert hashes.problem(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "secret",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$1$salt$hash",
        "$6$salt$" + "a" * 86,
        "$2b$12$" + "a" * 52,
        "$2b$12$" + "a" * 53 + "\n",
        f"$argon2id$v=19$t=3${B64}${B64}",
        f"$argon2x$v=19$m=65536,t=3,p=4${B64}${B64}",
        f"$pbkdf2-md5$1000${B64}${B64}",
        "$" * 1000,
        "",
    ],
)
def test_what_is_no_hash_is_refused(text):
    assert hashes.problem(text) == hashes.FORMS


@pytest.mark.parametrize(
    "text",
    [
        f"$argon2id$v=19$m=99999999,t=3,p=4${B64}${B64}",
        "$2b$31$" + "a" * 53,
        f"$scrypt$ln=40,r=8,p=1${B64}${B64}",
        f"$pbkdf2-sha256${'9' * 30}${B64}${B64}",
    ],
)
def test_a_hash_that_would_stop_sign_in_is_refused(text):
    assert hashes.problem(text) == hashes.TOO_DEAR
