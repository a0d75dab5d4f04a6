"""The meaning of a verb and a path: templates, `:verb`, percent-encoding, and unknown ones."""

from __future__ import annotations

import importlib
import pkgutil
import re
import warnings
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.core import errors
from tenantry.endpoints.grpc_rest.router import Router

TEMPLATES = [
    ("GET", "/organizations"),
    ("POST", "/organizations"),
    ("GET", "/organizations/{id}"),
    ("PATCH", "/organizations/{id}"),
    ("POST", "/organizations/search"),
    ("GET", "/organizations:external/{external_id}"),
    ("POST", "/organizations/{id}:refresh"),
    ("PATCH", "/organizations/{id}:refresh"),
    ("POST", "/organizations/{id}:magic-link"),
    ("GET", "/organizations/{id}/links"),
    ("DELETE", "/organizations/{id}/links/{link_id}"),
    ("GET", "/organizations/{id}/users:search"),
    ("GET", "/organizations/-/links"),
    ("PUT", "/organizations/{id}:refresh/links/{link_id}:open"),
    ("GET", "/"),
]


@pytest.fixture
def router():
    router = Router()
    for verb, template in TEMPLATES:
        router.add(verb, template, f"{verb} {template}")
    return router


@pytest.mark.parametrize(
    ("asked", "target", "variables"),
    [
        ("GET /organizations", "GET /organizations", {}),
        ("HEAD /organizations", "GET /organizations", {}),
        ("POST /organizations", "POST /organizations", {}),
        ("GET /organizations/org_1", "GET /organizations/{id}", {"id": "org_1"}),
        (
            "GET /organizations:external/a",
            "GET /organizations:external/{external_id}",
            {"external_id": "a"},
        ),
        (
            "DELETE /organizations/org_1/links/lnk_2",
            "DELETE /organizations/{id}/links/{link_id}",
            {"id": "org_1", "link_id": "lnk_2"},
        ),
        (
            "GET /organizations/org_1/users:search",
            "GET /organizations/{id}/users:search",
            {"id": "org_1"},
        ),
        ("GET /", "GET /", {}),
    ],
)
def test_a_path_finds_its_template(router, asked, target, variables):
    assert router.match(*asked.split(" ")) == (target, variables)


@pytest.mark.parametrize(
    ("asked", "target", "variables"),
    [
        ("POST /organizations/org_1:refresh", "POST /organizations/{id}:refresh", "org_1"),
        ("POST /organizations/org_1:magic-link", "POST /organizations/{id}:magic-link", "org_1"),
        # Both templates have this verb; the one with the longer literal part is meant.
        ("PATCH /organizations/org_1:refresh", "PATCH /organizations/{id}:refresh", "org_1"),
        ("PATCH /organizations/a:b:refresh", "PATCH /organizations/{id}:refresh", "a:b"),
        # Only the plain one has this verb.
        ("GET /organizations/org_1:refresh", "GET /organizations/{id}", "org_1:refresh"),
        ("GET /organizations/org_1:other", "GET /organizations/{id}", "org_1:other"),
        ("GET /organizations/:refresh", "GET /organizations/{id}", ":refresh"),
        # An encoded colon is a part of the value.
        ("PATCH /organizations/org_1%3Arefresh", "PATCH /organizations/{id}", "org_1:refresh"),
    ],
)
def test_a_verb_at_the_end_of_a_variable_is_told_apart(router, asked, target, variables):
    assert router.match(*asked.split(" ")) == (target, {"id": variables})


def test_a_verb_may_stand_within_the_path(router):
    found, variables = router.match("PUT", "/organizations/org_1:refresh/links/lnk_2:open")
    assert found == "PUT /organizations/{id}:refresh/links/{link_id}:open"
    assert variables == {"id": "org_1", "link_id": "lnk_2"}


def test_a_get_that_acts_is_no_head():
    router = Router()
    router.add("GET", "/polls/now", "act", acts=True)
    assert router.match("GET", "/polls/now") == ("act", {})
    with pytest.raises(errors.MethodNotAllowed) as refused:
        router.match("HEAD", "/polls/now")
    assert dict(refused.value.headers)["allow"] == "GET, OPTIONS"


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("/directory/d/scim/v2", ""),
        ("/directory/d/scim/v2/", ""),
        ("/directory/d/scim/v2/Users", "Users"),
        ("/directory/d/scim/v2/Users/a%2Fb", "Users/a%2Fb"),
        ("/directory/d/scim/v2//Users/", "/Users/"),
    ],
)
def test_the_rest_of_a_path_is_one_variable_as_it_is_spelled(path, rest):
    router = Router()
    router.add("GET", "/directory/{id}/scim/v2/{path*}", "all of it")
    router.add("GET", "/directory/{id}/name", "name")
    assert router.match("GET", path) == ("all of it", {"id": "d", "path*": rest})
    assert router.match("GET", "/directory/d/name") == ("name", {"id": "d"})
    assert router.verbs(path) == ["GET", "HEAD"]
    with pytest.raises(errors.MethodNotAllowed):
        router.match("POST", path)
    with pytest.raises(errors.RouteNotFound):
        router.match("GET", "/directory/d/scim")


@pytest.mark.parametrize("verb", ["POST", "GET"])
def test_of_several_templates_that_fit_the_one_with_the_verb_is_meant(router, verb):
    found, variables = router.match(verb, "/organizations/search")
    assert (found, variables) in [
        ("POST /organizations/search", {}),
        ("GET /organizations/{id}", {"id": "search"}),
    ]
    assert found.startswith(verb)


def test_the_order_in_which_templates_come_does_not_matter():
    answers = set()
    for templates in (TEMPLATES, TEMPLATES[::-1]):
        router = Router()
        for verb, template in templates:
            router.add(verb, template, template)
        answers.add(str(router.match("PATCH", "/organizations/org_1:refresh")))
        answers.add(str(router.match("GET", "/organizations/-/links")))
    assert answers == {
        "('/organizations/{id}:refresh', {'id': 'org_1'})",
        "('/organizations/-/links', {})",
    }


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        ("a%2Fb", "a/b"),
        ("a%2fb", "a/b"),
        ("%20", " "),
        ("a+b", "a+b"),
        ("%25", "%"),
        ("%252F", "%2F"),
        ("%2e%2e", ".."),
        ("..", ".."),
        (".", "."),
        ("%E2%82%AC", "€"),
        ("%F0%9F%90%98", "🐘"),
        ("a;b=c", "a;b=c"),
        ("%3Fx%23y", "?x#y"),
        ("%zz", "%zz"),
        ("%", "%"),
        ("a%0Ab", "a\nb"),
    ],
)
def test_a_variable_is_decoded_after_the_path_was_split(router, encoded, value):
    found, variables = router.match("GET", f"/organizations/{encoded}")
    assert (found, variables) == ("GET /organizations/{id}", {"id": value})


@pytest.mark.parametrize("encoded", ["%e4", "%ff", "%c0%af", "%ed%a0%80", "a%80b", "%f5%80%80%80"])
def test_a_variable_that_is_not_utf8_is_refused(router, encoded):
    with pytest.raises(errors.InvalidArgument, match="not UTF-8"):
        router.match("GET", f"/organizations/{encoded}")


@pytest.mark.parametrize("encoded", ["%00", "org_1%00", "\x00"])
def test_a_variable_with_a_nul_is_refused(router, encoded):
    with pytest.raises(errors.InvalidArgument, match="NUL"):
        router.match("GET", f"/organizations/{encoded}")


@pytest.mark.parametrize(
    "path",
    [
        *("/organizations/", "/organizations/org_1/", "/organizations//links", "//organizations"),
        *("/Organizations", "/organizations/a/b/c/d", "/organizations:external", "/organizations:"),
        *("/organizations:external/", "/nothing", "", "*", "organizations", "/organizations/a/b"),
        *("/organizations/../organizations", "/organizations%2Forg_1", "/%6Frganizations"),
        *("/organizations%3Aexternal/a", "/organizations/a:refresh/", "/" * 1000, "/a" * 10_000),
    ],
)
def test_what_is_not_there_is_not_found(router, path):
    for verb in ("GET", "POST", "DELETE", "NONSENSE"):
        if path in {"", "*"}:  # the root
            continue
        with pytest.raises(errors.RouteNotFound):
            router.match(verb, path)
    assert path in {"", "*"} or router.verbs(path) == []


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/organizations", "GET, HEAD, OPTIONS, POST"),
        ("/organizations/org_1", "GET, HEAD, OPTIONS, PATCH"),
        # The members of either of the templates that fit.
        ("/organizations/search", "GET, HEAD, OPTIONS, PATCH, POST"),
        ("/organizations/org_1:refresh", "GET, HEAD, OPTIONS, PATCH, POST"),
        ("/organizations/org_1/links/lnk_1", "DELETE, OPTIONS"),
    ],
)
def test_another_verb_is_told_which_there_are(router, path, allowed):
    with pytest.raises(errors.MethodNotAllowed) as problem:
        router.match("BREW", path)
    assert problem.value.headers == {"allow": allowed}
    assert problem.value.status == 405


def test_two_targets_at_one_place_are_refused(router):
    with pytest.raises(ValueError, match=r"two targets at GET /organizations/\{key\}"):
        router.add("GET", "/organizations/{key}", "another")


@pytest.mark.parametrize("segment", ["{a.b}", "{name=shelves/*}", "x{id}", "{id}x", "{id}:", "{"])
def test_a_template_that_cannot_be_read_is_refused(segment):
    with pytest.raises(ValueError, match="is not"):
        Router().add("GET", f"/a/{segment}", "target")


@given(
    st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", ""]),
    st.one_of(
        st.text(),
        st.lists(
            st.sampled_from(
                [
                    "organizations",
                    "-",
                    "links",
                    ":refresh",
                    "a:refresh",
                    "%2F",
                    "%ff",
                    "",
                    "..",
                    "é",
                ]
            )
        ).map(lambda parts: "/" + "/".join(parts)),
    ),
)
def test_whatever_the_path_is_only_our_errors_are_raised(verb, path):
    router = Router()
    for template_verb, template in TEMPLATES:
        router.add(template_verb, template, template)
    try:
        router.match(verb, path)
    except errors.Error as problem:
        assert problem.status in {400, 404, 405}  # noqa: PT017 - most paths raise nothing
    router.verbs(path)


def sdk_routes():
    """Every route of the whole API, as the official SDK declares them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`json_encoders` is deprecated")
        import scalekit.v1
    from google.api import annotations_pb2

    for found in pkgutil.walk_packages(scalekit.v1.__path__, "scalekit.v1."):
        if not found.name.endswith("_pb2"):
            continue
        module = importlib.import_module(found.name)
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                rule = method.GetOptions().Extensions[annotations_pb2.http]
                for binding in (rule, *rule.additional_bindings):
                    if verb := binding.WhichOneof("pattern"):
                        yield verb.upper(), getattr(binding, verb)


def test_every_route_of_the_whole_api_leads_where_it_should():
    """Those that we do not serve yet too: the router must not stand in their way."""
    routes = list(sdk_routes())
    assert len(routes) > 400
    router = Router()
    for verb, template in routes:
        router.add(verb, template, (verb, template))
    for verb, template in routes:
        names = re.findall(r"\{(\w+)\}", template)
        values = {name: f"{name} of/{number}:it" for number, name in enumerate(names)}
        path = re.sub(r"\{(\w+)\}", lambda m: quote(values[m[1]], safe=""), template)  # noqa: B023
        assert router.match(verb, path) == ((verb, template), values)
