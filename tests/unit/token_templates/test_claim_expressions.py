"""The expressions of token claims: their values, refusals by the character, and bounds."""

from __future__ import annotations

import time
from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.identity.token_templates import parsing
from tenantry.identity.token_templates.functions import FUNCTIONS, EvaluationError
from tenantry.identity.token_templates.parsing import SyntaxFault, parse
from tenantry.identity.token_templates.variables import SHAPE

ADA = {
    "user": {
        "id": "usr_1",
        "email": "ada@acme.com",
        "email_verified": True,
        "name": "Ada Lovelace",
        "gender": None,
        "groups": ["engineers", "ops-eu", "ops-us"],
        "metadata": {"seats": "12", "cost-center": "R&D", "empty": ""},
        "custom_attributes": {"desks": [{"floor": 3}, {"floor": 7}], "remote": False},
        "current_membership": {"roles": ["admin"], "metadata": {}},
    },
    "organization": {"id": "org_1", "name": "Acme", "metadata": {"plan": "gold"}},
}
NOBODY = {"user": ADA["user"], "organization": None}


def value(text, variables=ADA):
    return parse(text, SHAPE).value(variables)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user.email", "ada@acme.com"),
        ("organization.metadata.plan", "gold"),
        ("organization?.metadata?.plan", "gold"),
        ('user.metadata["cost-center"]', "R&D"),
        ("user.groups[0]", "engineers"),
        ("user.groups[-1]", "ops-us"),
        ("user.groups[7]", None),
        ("user.custom_attributes.desks[1].floor", 7),
        # `??` is for nothing: neither for "" nor for false.
        ("user.gender ?? 'unknown'", "unknown"),
        ("organization.metadata.tier ?? organization.metadata.plan", "gold"),
        ("user.metadata.empty ?? 'x'", ""),
        ("user.custom_attributes.remote ?? true", False),
        ("user.gender", None),
        ("'gold'", "gold"),
        ('"a\\"b\\u00e9\\n"', 'a"bé\n'),
        (r"`a\b`", r"a\b"),
        ("split(user.email, '@')[1]", "acme.com"),
        ("user.email | split('@') | last() | upper()", "ACME.COM"),
        ("split(user.gender, ' ')[0] ?? 'x'", "x"),
        ("trim('  a ')", "a"),
        ("trim('--a-', '-')", "a"),
        ("trimPrefix('ops-eu', 'ops-') + trimSuffix('a.b', '.b')", "eua"),
        ("lower(organization.name)", "acme"),
        ("replace(user.name, ' ', '.')", "Ada.Lovelace"),
        ("join(user.groups, ',')", "engineers,ops-eu,ops-us"),
        ("len(user.groups)", 3),
        ("len(user.name)", 12),
        ("first(user.groups) == 'engineers'", True),
        ("filter(user.groups, # startsWith 'ops-')", ["ops-eu", "ops-us"]),
        ("filter(user.groups, {# endsWith 'eu'})", ["ops-eu"]),
        ("map(user.custom_attributes.desks, .floor)", [3, 7]),
        ("map(filter(user.groups, len(#) < 8), upper(#))", ["OPS-EU", "OPS-US"]),
        ("any(user.groups, # contains 'us')", True),
        ("all(user.groups, # contains 'us')", False),
        ("filter(user.gender, true) ?? []", []),
        ("'admin' in user.current_membership.roles", True),
        ("'seats' in user.metadata", True),
        ("'x' in user.gender", False),
        ("'admin' not in user.current_membership.roles", False),
        ("int(user.metadata.seats) > 10", True),
        ("int('-7')", -7),
        ("float('1.5') + 1", 2.5),
        ("string(len(user.groups)) + ' groups'", "3 groups"),
        ("'Dr. ' + user.gender", None),
        ("user.gender < 3", None),
        ("user.gender == nil", True),
        ("organization != nil", True),
        ("1 == true", False),
        ("1 == 1.0", True),
        ("'b' > 'a' && 1 >= 1 && 1 <= 2 && !(2 < 1)", True),
        ("user.email_verified ? 'yes' : 'no'", "yes"),
        ("user.gender ? 1 : 2", 2),
        ("not user.email_verified or organization.metadata.plan == 'gold'", True),
        ("[user.id, 1, true]", ["usr_1", 1, True]),
        ("-3", -3),
        # As in Expr: `??` binds most strongly, then `+`, comparisons, `and`, `or`.
        ("user.gender ?? 'a' + 'b'", "ab"),
        ("true or false and false", True),
        ("1 + 1 == 2 ? 'a' : 'b'", "a"),
    ],
)
def test_an_expression_has_its_value(text, expected):
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text", ["organization.metadata.plan", "organization.name", "len(organization.metadata.plan)"]
)
def test_a_member_of_nothing_is_nothing(text):
    assert value(text, NOBODY) is None
    assert value(f"{text} ?? 'free'", NOBODY) == "free"


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 1, "is empty"),
        ("usr.email", 1, "unknown variable `usr`: use `user` or `organization`"),
        ("user.emial", 6, "did you mean `email`?"),
        ("user['emial']", 6, "did you mean `email`?"),
        ("user.current_membership.role", 25, "did you mean `roles`?"),
        ("user.email.domain", 12, "user.email is a string and has no members"),
        ("user.groups.first", 13, "user.groups is a list"),
        ("user[0]", 6, "a member of user must be one of"),
        ("organization.metadata.", 23, "expected a member name"),
        ("organization.metadata.cost-center", 27, "expected an operator or the end, found `-`"),
        ("'gold", 1, "' is missing"),
        ("'a\nb'", 3, "control character"),
        (r"'a\xb'", 3, "invalid escape"),
        ("spilt(user.email, '@')", 1, "did you mean `split`?"),
        ("split(user.email)", 1, "split takes 2 arguments, not 1"),
        ("trim()", 1, "trim takes 1 or 2 arguments, not 0"),
        ("user.email matches '^a+$'", 12, "matches is not supported"),
        ("1 * 2", 3, "unexpected character"),
        ("1 +", 4, "found the end of the expression"),
        ("(1", 3, "`)` to close the parenthesis"),
        ("1 2", 3, "expected an operator or the end, found `2`"),
        ("# == 1", 1, "only in filter, map, any and all"),
        ("filter(user.groups)", 19, "the condition"),
        ("filter(user.groups, # == 1", 27, "`)`"),
        ("true ? 1", 9, "`:` of the conditional expression"),
        ("1x", 2, "unexpected letter"),
        ("1234567890123456", 1, "at most 15 digits"),
        ("user.email | upper", 14, "expected a function"),
        ("in", 1, "expected a variable"),
        ("é", 1, "unexpected character"),
        ("(" * 30 + "1" + ")" * 30, 17, "nested deeper than 16 levels"),
        ("!" * 30 + "true", 16, "nested deeper than 16 levels"),
        ("1+" * 100 + "1", 152, "more than 150 parts"),
        ("'" + "a" * 1000 + "'", 1001, "exceeds 1000 characters"),
    ],
)
def test_a_text_that_is_none_is_refused_by_the_character(text, position, words):
    with pytest.raises(SyntaxFault) as fault:
        parse(text, SHAPE)
    assert fault.value.position == position
    assert words in str(fault.value)
    assert str(fault.value).startswith(f"at character {position}: ")


@pytest.mark.parametrize(
    "text",
    [
        "user.metadata.seats + 1",
        "int(user.name)",
        "int('9007199254740993')",
        "float('nan')",
        "float('1e400')",
        "upper(user.groups)",
        "user.metadata.seats.more",
        "user.email ? 1 : 2",
        "user.email < 3",
        "user.email contains 3",
        "user.groups == user.groups",
        "split(user.email, '')",
        "join([1], ',')",
        "replace(user.email, '', 'a')",
        "'a' in user.email",
        "len(true)",
    ],
)
def test_an_expression_may_have_no_value_for_somebody(text):
    with pytest.raises(EvaluationError):
        value(text)


def test_the_variables_that_an_expression_names_are_told():
    text = (
        "user.metadata.a ?? organization.name ?? user['email'] ?? user.current_membership?.roles[0]"
    )
    assert parse(text, SHAPE).paths == {
        *("user.metadata", "organization.name", "user.email", "user.current_membership.roles"),
    }
    assert parse("organization == nil", SHAPE).paths == {"organization"}


LONG = {
    "user": {
        "groups": ["a" * 200] * 1000,
        "name": "a" * 4000,
        "metadata": {"far": "b" * 100_000, "many": list(range(100_000))},
    }
}


@pytest.mark.parametrize(
    "text",
    [
        "filter(user.groups, any(user.groups, # == 'b'))",
        "map(user.groups, map(user.groups, map(user.groups, #)))",
        "filter(user.groups, len(upper(#)) > 3)",
        "replace(user.name, 'a', user.name)",
        "join(map(user.groups, #), user.name)",
        "split(user.name, 'a')",
        "upper(user.metadata.far)",
        "user.metadata.far == user.metadata.far",
        "len(user.metadata.many)",
        "filter(user.metadata.many, # > 3)",
        "+".join(["user.name"] * 30),
    ],
)
def test_no_expression_takes_long(text):
    expression = parse(text, SHAPE)
    best = float("inf")
    for _ in range(3):
        begun = time.thread_time()
        with pytest.raises(EvaluationError):
            expression.value(LONG)
        best = min(best, time.thread_time() - begun)
    assert best < 0.25  # ten times what it may take


PARTS = st.sampled_from(
    [
        *("user", "organization", ".", "?.", "[", "]", "(", ")", "{", "}", "#", ",", "|", "??"),
        *("?", ":", "==", "!=", "<", "+", "-", "!", "not ", " in ", " contains ", "or", "&&"),
        *("email", "metadata", "roles", "current_membership", "name", "groups", "'a'", '"', "`"),
        *("1", "2.5", "true", "nil", " ", "\\u00e9", "filter(", "map(", "matches", "é", "\x00"),
        *(f"{name}(" for name in FUNCTIONS),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "plan"]), JSON)
VARIABLES = st.fixed_dictionaries(
    {
        "user": st.fixed_dictionaries(
            {
                "email": st.text(),
                "groups": st.none() | st.lists(st.text()),
                "metadata": OBJECTS,
                "current_membership": st.none() | st.just({"roles": ["admin"], "metadata": {}}),
            }
        ),
        "organization": st.none() | st.fixed_dictionaries({"metadata": OBJECTS}),
    }
)


@given(st.one_of(st.text(), st.lists(PARTS, max_size=60).map("".join)), VARIABLES)
def test_any_text_is_an_expression_or_refused_with_a_place_in_it(text, variables):
    expression = refused = None
    try:
        expression = parse(text, SHAPE)
    except SyntaxFault as fault:
        refused = fault
    if expression is None:
        assert 1 <= refused.position <= min(len(text), parsing.MOST_CHARACTERS) + 1
        return
    with suppress(EvaluationError):
        orjson.dumps(expression.value(variables))


LEAVES = st.sampled_from(
    [
        *("user.email", "user.metadata.a", "user.metadata.plan", "organization.metadata.plan"),
        *("user.groups", "user.current_membership.roles", "nil", "true", "'a'", "3", "[1, 'a']"),
    ]
)


def _grown(inner):
    two = st.tuples(inner, inner)
    signs = [sign for sign in parsing._STRENGTH if sign != "|"]
    return st.one_of(
        st.tuples(st.sampled_from(signs), two).map(
            lambda one: f"({one[1][0]}) {one[0]} ({one[1][1]})"
        ),
        st.tuples(st.sampled_from(["filter", "map", "any", "all"]), two).map(
            lambda one: f"{one[0]}({one[1][0]}, {one[1][1]})"
        ),
        st.tuples(st.sampled_from(["len", "trim", "upper", "first", "int", "string"]), inner).map(
            lambda one: f"{one[0]}({one[1]})"
        ),
        st.tuples(two, inner).map(lambda one: f"({one[0][0]}) ? ({one[0][1]}) : ({one[1]})"),
        inner.map(lambda one: f"not ({one})"),
    )


@given(st.recursive(LEAVES, _grown, max_leaves=6), VARIABLES)
def test_a_well_formed_expression_has_a_value_of_json_or_is_unfit(text, variables):
    expression = parse(text, SHAPE)
    try:
        found = expression.value(variables)
    except EvaluationError:
        return
    assert orjson.loads(orjson.dumps(found)) == found
    assert expression.value(variables) == found
