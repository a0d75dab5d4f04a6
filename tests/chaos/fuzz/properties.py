"""Parsers and normalizers of others' texts, with texts to try: read, or refused, and soon.

A property takes one example. It raises nothing but what its docstring allows, whatever it is given.
"""

from __future__ import annotations

import base64
import functools
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import saml_provider
from hypothesis import strategies as st
from saml_mutations import CHANGES, changed
from served import SERVICES

from tenantry.access.clients.uris import redirect_uris
from tenantry.api import messages, pipeline, validation
from tenantry.api.methods import of_service
from tenantry.core import addresses, errors, strict_json
from tenantry.crypto import jws
from tenantry.db.sql.page_tokens import PageTokens
from tenantry.endpoints.grpc_rest.address import Addresses
from tenantry.endpoints.grpc_rest.rest import Transcoder
from tenantry.endpoints.grpc_rest.router import Router
from tenantry.endpoints.oauth import client_assertion
from tenantry.events.interceptors import answers
from tenantry.events.interceptors.model import PRE_SESSION_CREATION, PRE_SIGNUP
from tenantry.gen.scalekit.v1.auth import auth_pb
from tenantry.gen.scalekit.v1.organizations import organizations_pb
from tenantry.gen.scalekit.v1.users import users_pb
from tenantry.identity.authenticators.passwords.service import Passwords
from tenantry.identity.connections.oidc import (
    callback,
    id_token,
    jwts,
    key_sets,
    logout_token,
    metadata,
    profile,
    tokens,
    userinfo,
)
from tenantry.identity.connections.oidc import decoding as tokens_decoding
from tenantry.identity.connections.oidc.faults import OIDCError
from tenantry.identity.connections.saml import bindings, certificates, decoding, logout, response
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.metadata import idp_metadata
from tenantry.identity.sessions import devices
from tenantry.identity.token_templates import parsing, variables
from tenantry.net import domain_names, email_addresses
from tenantry.net.http import MAX_ANONYMOUS, Request, cookie
from tenantry.settings import load
from tenantry.tenants.directories.scim import (
    filters,
    matching,
    patches,
    paths,
    resources,
    schemas,
    selections,
)
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.transfer.bulk import formats
from tenantry.web import words

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 0.5  # ten times what an example may take

# Many of the same, between others: what a parser that goes back would go back over.
PUMPED = st.builds(
    lambda before, unit, times, after: (before + unit * (times // len(unit)) + after)[:60_000],
    st.text(max_size=8),
    st.text(min_size=1, max_size=4) | st.sampled_from(list(".,;:@/%+&=\\\"'[{(<a1 \u0327ß")),
    st.sampled_from([0, 10, 1000, 30_000]),
    st.text(max_size=8),
)
TEXT = st.text(max_size=200) | PUMPED
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)
# Values between which a parser may stumble: ~ becomes half of a pair of UTF-16.
ODD = (
    VALUES
    | st.sampled_from(
        ["~", "a~", "RSA", "EC", "P-256", "AQAB", "RS256", "https://idp.test", "~" * 300]
    )
    | st.sampled_from([2**70, -1, 1e400, True, [], {}, ["c"], ["c", "~"], "logout+jwt", "\x00"])
)
JSON = VALUES.map(json.dumps) | TEXT | st.builds(str.__add__, VALUES.map(json.dumps), TEXT)


def joined(separator: str, *parts: str) -> st.SearchStrategy[str]:
    """Texts that look like good ones: these parts, and others, in any order."""
    return (
        st.lists(st.sampled_from(parts) | st.text(max_size=6), max_size=40).map(separator.join)
        | TEXT
    )


class Nothing:
    """A service that has every method."""

    def __getattr__(self, name: str) -> None: ...


METHODS = [method for service in SERVICES for method in of_service(service, Nothing())]
TRANSCODERS = [
    Transcoder(method, route, None)  # type: ignore[arg-type] - nothing is called
    for method in METHODS
    for route in method.routes
]
ROUTER = Router()
for one in TRANSCODERS:
    ROUTER.add(one.route.verb, one.route.template, one)
PROXIES = Addresses(("10.0.0.0/8", "::1/128"))
PASSWORDS = Passwords(breached=None)
SETTINGS = load({})
TOKENS = PageTokens(b"k" * 32)


def _json(text: str) -> None:
    with suppress(ValueError):
        json.dumps(strict_json.loads(text.encode(errors="replace"), unique=True), allow_nan=False)


def _message(text: str) -> None:
    data = text.encode(errors="replace")
    for kind in (
        organizations_pb.CreateOrganizationRequest,
        users_pb.CreateUserAndMembershipRequest,
        auth_pb.DiscoveryAuthMethodRequest,
    ):
        for parse in (messages.from_json, messages.from_binary):
            with suppress(errors.InvalidArgument):
                validation.check(parse(kind, data), spelled=data)


def _form(text: str) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    body = text.encode(errors="replace")[:MAX_ANONYMOUS]
    with suppress(errors.InvalidArgument):
        assert "\0" not in "".join(Request("POST", "/", "", kind, body, "req_1").form().values())


def _assertion(given: tuple[str, str, str]) -> None:
    parts = (base64.urlsafe_b64encode(p.encode(errors="replace")).rstrip(b"=") for p in given)
    for token in (b".".join(parts).decode(), ".".join(given)):
        with suppress(client_assertion.InvalidAssertion):
            client_assertion.read(token, audiences=("https://a.test",), now=time.time())
        with suppress(ValueError):
            jws.members(token.partition(".")[0].encode())


def _email(text: str) -> None:
    email_addresses.domain_of(text)
    with suppress(errors.InvalidArgument):
        key = email_addresses.key(email_addresses.checked(text))
        assert key.isascii()
        assert email_addresses.key(key) == key
    with suppress(ValueError):
        email_addresses.envelope(text)


def _domain(text: str) -> None:
    with suppress(ValueError):
        name = domain_names.normalized(text)
        assert name.isascii()
        assert domain_names.normalized(name) == name


def _url(text: str) -> None:
    with suppress(errors.InvalidArgument, ValueError):
        addresses.checked(text[:2048], ())
    for production in (False, True):
        with suppress(ValueError):
            redirect_uris.check(text, production=production, native=production)
        with suppress(ValueError):
            redirect_uris.check_page(text, production=production, templates=production)


def _headers(text: str) -> None:
    for name in ("a", "session", ""):
        assert cookie(text, name) in text
    for site in ("login", "account", "oauth"):
        words.choose(site, text, text.split())
    with suppress(errors.InvalidArgument):
        pipeline.revisions(text)
    for peer in ("10.0.0.1", "192.0.2.1", ""):
        assert len(PROXIES.client(peer, text)) < 50
    devices.describe(text[:32_000], "192.0.2.1")


def _page_token(text: str) -> None:
    with suppress(errors.InvalidArgument):
        TOKENS.decode("list", text)
        raise AssertionError


def _query(given: tuple[int, str]) -> None:
    number, text = given
    transcoder = TRANSCODERS[number]
    with suppress(errors.InvalidArgument):
        messages.from_members(transcoder.method.input, transcoder._query(text)[0])


def _path(text: str) -> None:
    with suppress(errors.RouteNotFound, errors.MethodNotAllowed, errors.InvalidArgument):
        ROUTER.match("GET", "/" + text)


def _password(text: str) -> None:
    with suppress(errors.InvalidArgument):
        PASSWORDS.check(text, email="ann@example.com", settings=SETTINGS)


def _answer(text: str) -> None:
    for trigger in (PRE_SIGNUP, PRE_SESSION_CREATION):
        with suppress(answers.Invalid):
            answers.read(text.encode(errors="replace"), trigger)


def _claim(text: str) -> None:
    with suppress(parsing.SyntaxFault):
        parsing.parse(text, variables.SHAPE)


def _rows(text: str) -> None:
    columns = {"email": formats.Column.TEXT, "metadata": formats.Column.MAP}
    for kind in formats.Format:
        with suppress(errors.InvalidArgument):
            reader = formats.reader(kind, columns, required="email")
            for record in (*reader.feed(text.encode(errors="replace")), *reader.end()):
                json.dumps(record.members, allow_nan=False)


TRUST = saml_provider.trust()
ISSUER = "https://idp.test"
CLAIMS = {
    "iss": ISSUER,
    "aud": "c",
    "sub": "s",
    "nonce": "n",
    "iat": 1_790_000_000,
    "exp": 1_790_000_300,
    "auth_time": 1_790_000_000,
    "email": "ann@acme.test",
}
_LOGOUT = {
    "events": {logout_token.EVENT: {}},
    "jti": "j",
    "sid": "i",
}


def _saml(xml: bytes, good: saml_provider.Provider) -> response.Assertion:
    return response.verify(
        response.parse(saml_provider.form(xml)),
        TRUST,
        in_response_to=good.answers,
        now=saml_provider.NOW,
        skew=saml_provider.SKEW,
    )


@functools.cache
def _good(name: str) -> tuple[bytes, response.Assertion]:
    good = saml_provider.GOOD[name]
    return good.xml(), _saml(good.xml(), good)


def _saml_response(given: tuple[str, list[Any]]) -> None:
    name, changes = given
    xml, before = _good(name)
    with suppress(SAMLError):
        assert _saml(changed(xml, changes), saml_provider.GOOD[name]) == before
    with suppress(SAMLError):
        _decoded(changed(xml, changes))


def _saml_text(text: str) -> None:
    data = text.encode(errors="replace")
    for read in (
        lambda: _saml(data, saml_provider.Provider()),
        lambda: response.parse(text),
        lambda: _decoded(data),
        lambda: idp_metadata.read(data),
        lambda: certificates.read(data),
        lambda: logout.read_request(saml_provider.form(data), TRUST, now=0, skew=0),
        lambda: logout.read_response(saml_provider.form(data), TRUST),
    ):
        with suppress(SAMLError):
            read()


def _saml_query(text: str) -> None:
    with suppress(SAMLError):
        query = bindings.read_query(text, "SAMLRequest")
        logout.read_request(query, TRUST, now=0, skew=0)
        raise AssertionError
    for address in (text, f"https://idp.test/sso?{text}"):
        with suppress(SAMLError):
            _decoded(address.encode(errors="replace"))


def _decoded(data: bytes) -> None:
    expected = decoding.Expected(certificates=TRUST.idp_certificates)
    decoding.decode(data, expected, now=saml_provider.NOW, skew=saml_provider.SKEW)


def _openid_query(text: str) -> None:
    for pairs in (parse_qsl(text), parse_qsl(text, keep_blank_values=True)):
        answer = callback.CallbackResponse(dict(pairs))
        for read in (
            lambda answer=answer: callback.hold_to_issuer(answer, ISSUER, says_issuer=True),
            lambda answer=answer: callback.code(answer),
        ):
            with suppress(OIDCError):
                read()


def _openid_token(given: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Verify the claims of a token whose signature was verified: a provider signs anything."""
    header, claims = {"alg": "RS256", **given[0]}, {**CLAIMS, **given[1]}
    # An escape that is no character on its own: JSON has it, and UTF-8 has not.
    parts = [json.dumps(one).replace("~", "\\ud800").encode() for one in (header, claims)]
    text = ".".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in (*parts, b"x"))
    party = {"issuer": ISSUER, "client_id": "c", "now": 1_790_000_000.0, "skew": 90}
    with suppress(OIDCError):
        read = jwts.read(text, algorithms=("RS256", "ES256"))
        tokens_decoding.decode(text.encode(), now=saml_provider.NOW)
        with suppress(OIDCError):
            id_token.verify(read, nonce="n", access_token="a", max_age=60, **party)
        with suppress(OIDCError):
            logout_token.verify(read, **party)
        with suppress(OIDCError):
            profile.values(read.claims, {"email": "address.mail"})
        with suppress(OIDCError):
            userinfo.of_subject(read.claims, "s")


def _openid_document(text: str) -> None:
    data = text.replace("~", "\\ud800").encode(errors="replace")
    for read in (
        lambda: metadata.read(data, fetched_from=f"{ISSUER}/.well-known/openid-configuration"),
        lambda: key_sets.read(data),
        lambda: tokens.read(200, data, secrets=["secret"], form_allowed=True),
        lambda: tokens.read(400, data, secrets=["secret"]),
        lambda: userinfo.of_subject(userinfo.read(200, "application/json", data), "s"),
        lambda: jwts.read(text, algorithms=("RS256",)),
        lambda: tokens_decoding.is_token(data) and tokens_decoding.decode(data, now=0),
    ):
        with suppress(OIDCError):
            read()


SCIM_CUSTOM = schemas.custom(
    {"badge": "NUMBER", "cleared": "BOOL", "tags": "ARRAY", "extra": "OBJECT"}
)
_SCIM_USER = {"userName": "a", "emails": [{"value": "a@b.c", "type": "work"}, {"value": "d"}]}


def _scim_filter(text: str) -> None:
    with suppress(Fault):
        filter_ = filters.parse(text)
        assert filters.parse(str(filter_)) == filter_
        assert matching.matcher(filter_)(_SCIM_USER) in {True, False}
    with suppress(Fault):
        path = paths.parse(text)
        assert paths.parse(str(path)) == path
    with suppress(Fault):
        selections.Selection.of(text.split(","), [text]).apply(_SCIM_USER)


def _scim_resource(resource: Any) -> None:
    with suppress(Fault):
        document = resources.read_user(resource, custom=SCIM_CUSTOM)
        assert resources.read_user(document, custom=SCIM_CUSTOM) == document
        assert not strict_json.has_nul(document)
        json.dumps(document, allow_nan=False)
        resources.columns(document)
        resources.addresses(document)
    with suppress(Fault):
        assert all(resources.read_group(resource).members or ())


def _scim_patch(sent: Any) -> None:
    with suppress(Fault):
        operations = patches.parse(sent)
        with suppress(Fault):
            patches.read_group_patch(operations).apply({"displayName": "g"})
        document = patches.apply_to_user(_SCIM_USER, operations, custom=SCIM_CUSTOM)
        assert resources.read_user(document, custom=SCIM_CUSTOM)["userName"]


@dataclass(frozen=True)
class Property:
    examples: st.SearchStrategy[Any]
    holds: Callable[[Any], None]

    def check(self, example: Any) -> None:
        """Hold it on one example, in time; others work on this machine too: the best of three."""
        for _ in range(3):
            began = time.process_time()
            self.holds(example)
            took = time.process_time() - began
            if took < SECONDS:
                return
        raise AssertionError(f"it takes {took:.3f} s")


ASSERTED = st.fixed_dictionaries(
    {"iss": st.just("a"), "sub": st.just("a"), "jti": st.text(max_size=3)},
    optional=dict.fromkeys(("exp", "iat", "nbf", "aud"), VALUES),
).map(json.dumps)
SCIM_NAMES = st.sampled_from(
    [
        *("userName", "active", "name", "name.givenName", "emails", "Emails", "members", "id"),
        *("roles", "addresses", "x509Certificates", "password", "meta", "schemas", "title"),
        *(schemas.ENTERPRISE.id, f"{schemas.ENTERPRISE.id}:manager", SCIM_CUSTOM.id),
        *(f"{SCIM_CUSTOM.id}:tags", f"{SCIM_CUSTOM.id}:extra.a", "urn:x:y", "urn:x:2.0:User:a"),
        *("badge", "tags", 'emails[type eq "work"].value', "emails[value pr]", "", " ", "a.b.c"),
    ]
) | st.text(max_size=8)
SCIM_VALUES = st.recursive(
    ODD | st.sampled_from(["True", "a@b.c", "", "work", None, "u1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "type", "primary", "Value", "$ref"]) | SCIM_NAMES,
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
SCIM_RESOURCES = st.builds(
    lambda members, name: members | ({"userName": name} if name else {}),
    st.dictionaries(SCIM_NAMES, SCIM_VALUES, max_size=6),
    st.sampled_from(["", "a", "a@b.c"]),
)
HEADER = st.sampled_from(['{"alg":"ES256"}', '{"alg":"ES256","kid":"a"}', "{}", "[]"])
PROPERTIES = {
    "json": Property(JSON, _json),
    "messages": Property(
        JSON
        | joined("", '{"organization":', '{"user":', '"email":', '"metadata":', "{", "}", '"', ","),
        _message,
    ),
    "forms": Property(joined("&", "a=1", "a=%00", "a=%ff", "b=%C3%A9", "a", "=", "c=+"), _form),
    "assertions": Property(st.tuples(HEADER | JSON, ASSERTED | JSON, TEXT), _assertion),
    "e-mail addresses": Property(
        joined("", "a", "@", ".", "example.com", "\u212a", "straße.de", '"', "xn--", "é"), _email
    ),
    "domains": Property(joined(".", "example", "com", "xn--a", "straße", "\u212a", "１"), _domain),
    "URLs": Property(
        joined(
            "", "https://", "http://", "a.b", "[::1]", ":", "@", "/", "%41", "*.", "{{a}}", "#", "?"
        ),
        _url,
    ),
    "headers": Property(
        joined(
            ",", "de;q=0.5", "*", "en-US", "10.0.0.1", "[::1]:1", '"1"', 'W/"2"', "a=b; session=c"
        ),
        _headers,
    ),
    "page tokens": Property(
        TEXT | st.binary(max_size=60).map(base64.urlsafe_b64encode).map(bytes.decode), _page_token
    ),
    "queries": Property(
        st.tuples(
            st.integers(0, len(TRANSCODERS) - 1),
            joined(
                "&", "page_token=a", "page_size=1", "metadata.a=b", "filter.a=b", "a.b=1", "%00=1"
            ),
        ),
        _query,
    ),
    "paths": Property(
        joined("/", "api", "v1", "organizations", "org_1", "users", ":", "%2F", "%ff"), _path
    ),
    "passwords": Property(TEXT, _password),
    "answers": Property(
        JSON
        | st.fixed_dictionaries(
            {"decision": st.sampled_from(["ALLOW", "DENY"]), "response": VALUES, "error": VALUES}
        ).map(json.dumps),
        _answer,
    ),
    "claims of tokens": Property(
        joined(
            *("", "user", "organization", ".", "?.", "metadata", "[", "]", "(", ")", "{", "#", "'"),
            *("??", "?", ":", "|", "filter(", "split(", "not ", "!", " in ", "+", "-", "1", ".5"),
            *("==", "\\", "\\u00e9", '"', "`", ","),
        ),
        _claim,
    ),
    "SAML responses": Property(
        st.tuples(st.sampled_from(list(saml_provider.GOOD)), CHANGES), _saml_response
    ),
    "SAML texts": Property(
        joined(
            "",
            *("<a>", "</a>", "<a ", "/>", 'ID="a"', ' xmlns:a="u:a"', "<![CDATA[", "]]>", "&lt;"),
            *('<?xml version="1.0" encoding="utf-8"?>', "<!-- ", " -->", "<!DOCTYPE a>", "&#10;"),
            "-----BEGIN CERTIFICATE-----",
            "MIID",
        ),
        _saml_text,
    ),
    "SAML queries": Property(
        joined(
            "&",
            *(
                "SAMLRequest=s1Qss7IHAA%3D%3D",
                "SAMLRequest=",
                "RelayState=%C3%A9",
                "Signature=AAAA",
            ),
            "SigAlg=http%3A%2F%2Fwww.w3.org%2F2001%2F04%2Fxmldsig-more%23rsa-sha256",
        ),
        _saml_query,
    ),
    "OpenID answers": Property(
        joined(
            "&",
            *("code=c", "code=", "state=s", "iss=https%3A%2F%2Fidp.test", "iss=", "error=%00"),
            *("error=access_denied", "error=login_required", "error_description=%ed%a0%80"),
        ),
        _openid_query,
    ),
    "OpenID tokens": Property(
        st.tuples(
            st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "enc"]), ODD),
            st.dictionaries(
                st.sampled_from([*CLAIMS, *_LOGOUT, "azp", "at_hash", "tid", "nbf", "address"]),
                ODD | st.just(_LOGOUT["events"]),
            ),
        ),
        _openid_token,
    ),
    "OpenID documents": Property(
        JSON
        | st.dictionaries(
            st.sampled_from(
                [
                    *("issuer", "token_endpoint", "jwks_uri", "keys", "access_token", "id_token"),
                    *("error", "error_description", "token_type", "sub"),
                    *("id_token_signing_alg_values_supported", "authorization_endpoint"),
                ]
            ),
            ODD
            | st.lists(
                st.dictionaries(st.sampled_from(["kty", "n", "e", "crv", "x", "y", "alg"]), ODD)
            ),
        ).map(json.dumps),
        _openid_document,
    ),
    "SCIM filters": Property(
        joined(
            " ",
            *("userName", "eq", '"a"', "and", "or", "not", "(", ")", "pr", "emails[", "]", "co"),
            *("active", "true", "null", "1.5", "].value", '"\\u0041"', '"\\ud800"', "gt", '"2026-'),
            *("urn:x:2.0:User:a", "urn:x:", 'emails[type eq "work"].value', "meta.created", ","),
        ),
        _scim_filter,
    ),
    "SCIM resources": Property(SCIM_RESOURCES | SCIM_VALUES, _scim_resource),
    "SCIM patches": Property(
        st.fixed_dictionaries(
            {
                "Operations": st.lists(
                    st.fixed_dictionaries(
                        {"op": st.sampled_from(["add", "Replace", "remove"])},
                        optional={"path": SCIM_NAMES, "value": SCIM_VALUES | SCIM_RESOURCES},
                    ),
                    max_size=5,
                )
            }
        )
        | SCIM_VALUES,
        _scim_patch,
    ),
    "rows": Property(
        JSON | joined("\n", "email,metadata.a", "a@b.c,d", '"', '{"email":"a"}', ","), _rows
    ),
}
