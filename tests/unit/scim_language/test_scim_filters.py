"""Filters: how they are read, and for which resources they hold (RFC 7644 section 3.4.2.2)."""

from __future__ import annotations

import pytest

from tenantry.tenants.directories.scim import filters, matching
from tenantry.tenants.directories.scim.faults import Fault

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
# The RFC's own examples, and what providers send, each with how we write it.
WRITTEN = {
    'userName eq "bjensen"': None,
    'name.familyName co "O\'Malley"': None,
    'userName sw "J"': None,
    f'{CORE}:userName sw "J"': 'userName sw "J"',
    "title pr": None,
    'meta.lastModified gt "2011-05-13T04:42:34Z"': None,
    'meta.lastModified le "2011-05-13T04:42:34Z"': None,
    'title pr and userType eq "Employee"': None,
    'title pr or userType eq "Intern"': None,
    f'schemas eq "{ENTERPRISE}"': None,
    'userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")': (
        'userType eq "Employee" and (emails.value co "example.com"'
        ' or emails.value co "example.org")'
    ),
    'userType ne "Employee" and not (emails.value co "a" or emails.value co "b")': None,
    'userType eq "Employee" and (emails.type eq "work")': (
        'userType eq "Employee" and emails.type eq "work"'
    ),
    'userType eq "Employee" and emails[type eq "work" and value co "@example.com"]': None,
    'emails[type eq "work" and value co "@a.com"] or ims[type eq "xmpp" and value co "@b.com"]': (
        None
    ),
    'emails[type eq "work"].value eq "a@x.com"': 'emails[type eq "work" and value eq "a@x.com"]',
    'roles[primary eq "True"].value eq "x"': 'roles[primary eq true and value eq "x"]',
    f"{ENTERPRISE}:employeeNumber eq 701984": f'{ENTERPRISE}:employeeNumber eq "701984"',
    'ACTIVE EQ "False"': "active eq false",
    'USERNAME Eq "x" AND Title PR': 'userName eq "x" and title pr',
    'members eq "u1"': 'members.value eq "u1"',
    'members.$ref ew "u1"': None,
    "not(title pr)": "not (title pr)",
    "title eq null": None,
    'userName eq "a\\"b\\\\c\\u00e9"': 'userName eq "a\\"b\\\\cé"',
    "urn:x:y:2.0:User:Tag.part gt 1.5": None,
}


@pytest.mark.parametrize("text", WRITTEN)
def test_a_filter_is_read_and_written(text):
    found = filters.parse(text)
    assert str(found) == (WRITTEN[text] or text)
    assert filters.parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "userName", "userName eq", 'eq "x"', 'userName is "x"', "userName eq x"),
        *("userName eq 'x'", 'userName eq "x', 'userName eq "x" and', "(title pr", "title pr)"),
        *('userName eq "x" title pr', "not title pr", 'emails[type eq "work"', "emails[]"),
        *('emails[type eq "a"].value', "a[b[c pr]]", "1a pr", "a.b.c pr", "active gt true"),
        *("active co true", "title gt null", 'meta.created gt "yesterday"', "title eq 1e400"),
        *('title eq "\\ud800"', 'title eq "\\u0000"', 'title eq "\0"', 'title eq "\ud800"'),
        *("emails.value[type pr]", "emails[emails.value pr]", f"emails[{CORE}:userName pr]"),
        *("title eq 01", 'x509Certificates.value lt "a"', f'{CORE} eq "x"', "title eq [1]"),
        *("(" * 21 + "title pr" + ")" * 21, " or ".join(["title pr"] * 201), "a" * 10_001),
    ],
)
def test_another_text_is_refused(text):
    with pytest.raises(Fault) as refused:
        filters.parse(text)
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidFilter")
    assert refused.value.detail.startswith("The filter ")


RESOURCE = {
    "schemas": [CORE, ENTERPRISE],
    "id": "diruser_1",
    "userName": "Ann",
    "externalId": "Ab",
    "active": True,
    "nickName": "re\u0301sume\u0301",
    "emails": [{"value": "a@x.com", "type": "work"}, {"value": "b@x.com", "primary": True}],
    "meta": {"lastModified": "2026-01-01T00:00:00Z"},
    "urn:x:y:2.0:User": {"Level": 7, "flags": ["A", "b"], "deep": {"In": "x"}, "on": False},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('userName eq "ANN"', True),
        ('externalId eq "AB"', False),
        ('id eq "DIRUSER_1"', False),
        ('nickName eq "R\u00c9SUM\u00c9"', True),
        ("title eq null", True),
        ("title ne null", False),
        ("userName eq null", False),
        ("emails ne null", True),
        ('title ne "x"', True),
        ('not (title eq "x")', True),
        ('emails.value ne "a@x.com"', False),
        ('emails[value ne "a@x.com"]', True),
        ('emails[type eq "work"].value eq "b@x.com"', False),
        ('emails[type eq "work"].value pr', True),
        ("emails[not (type pr)].primary eq true", True),
        ("emails.primary eq true", True),
        ("emails.display pr", False),
        ("name pr", False),
        ('schemas eq "' + ENTERPRISE + '"', True),
        (f"{ENTERPRISE} pr", False),
        ("urn:x:y:2.0:user:LEVEL ge 7", True),
        ("urn:x:y:2.0:User:level lt 7.5", True),
        ('urn:x:y:2.0:User:level eq "7"', False),
        ('urn:x:y:2.0:User:flags eq "B"', True),
        ('urn:x:y:2.0:User:flags[value sw "a"]', True),
        ('urn:x:y:2.0:User:deep.in eq "X"', True),
        ("urn:x:y:2.0:User:on eq false", True),
        ("urn:x:y:2.0:User:on eq 0", False),
        ("urn:x:y:2.0:User pr", True),
        ('meta.lastModified eq "2026-01-01T01:00:00+01:00"', True),
        ('meta.lastModified gt "2025-12-31T23:59:59"', True),
        ('unknown eq "x"', False),
        ('userName gt "ANM" and userName lt "ANO"', True),
    ],
)
def test_a_filter_holds_for_a_resource(text, expected):
    assert matching.matcher(filters.parse(text))(RESOURCE) is expected
