"""The caller of an rpc, and where its request came from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tenantry.core import errors


class Kind(Enum):
    """The kinds of caller; the value is the bit, or bits, of the contract's authentication_type.

    A management client is the operator's own: it may also make the calls that the contract gives
    to the people of the workspace.
    """

    ANONYMOUS = 1
    MANAGEMENT_CLIENT = 4 | 64
    USER_SESSION = 8 | 16
    PORTAL_SESSION = 32
    # No bits of the contract: no call of this API is for them.
    ORGANIZATION_CLIENT = 256
    DIRECTORY = 512  # a customer's identity provider, by SCIM, or our poll of it
    # A person of the operator's, at the console: they make the calls of a management client.
    OPERATOR = 4 | 64 | 1024

    def __init__(self, bits: int) -> None:
        self.bits = bits  # the value; that of an Enum is looked up by a function
        # Whether an operator of the deployment calls, with a client or at the console.
        self.is_operators = bits & 4 != 0
        self.label = self.name.lower()  # as events and the log record it

    __hash__ = object.__hash__  # there is one object of each


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller: its kind, its id, and the organization where it is bound to one."""

    kind: Kind
    id: str
    organization_id: str | None = None
    # None: every permission. Else the permissions it holds.
    permissions: frozenset[str] | None = None
    session_id: str | None = None  # of a USER_SESSION, whose id is that of the user
    # Of a USER_SESSION: the scopes of the access token that speaks for the person. None:
    # it is a Tenantry page that calls, with the session's cookie.
    token_scopes: frozenset[str] | None = None
    client_id: str = ""  # of a USER_SESSION: the application whose access token it is
    client_name: str = ""  # of an OPERATOR: the MCP client that acts for them
    impersonator: str = ""  # of a USER_SESSION: the operator that is in it in the person's place
    # Of a USER_SESSION: a Tenantry page acts for the person by no permission of theirs, as the
    # product has set it up: to accept an invitation, to sign up.
    acts_by_rule: bool = False
    # Of a USER_SESSION or a PORTAL_SESSION: the features that its organization has on, and of a
    # portal session those of them that its link is for.
    features: frozenset[str] = frozenset()
    # Of a PORTAL_SESSION: the names of the roles that it may assign; () for the default rule.
    released_roles: tuple[str, ...] = ()
    # Of an OPERATOR: it makes only calls that change nothing; it also says who the operators are.
    reads_only: bool = False
    owns: bool = False

    @property
    def is_operators(self) -> bool:
        """Whether the people who run the deployment call: by a program, or at the console."""
        return self.kind.is_operators

    @property
    def is_client(self) -> bool:
        """Whether it is a program with its own credentials, and its id a client_id."""
        return self.kind is Kind.MANAGEMENT_CLIENT or self.kind is Kind.ORGANIZATION_CLIENT

    def check_feature(self, name: str) -> None:
        """Raise unless the caller may make calls that belong to a feature of its organization.

        Raises:
            errors.FeatureDisabled: it is a person or a portal session, and the feature is off.

        """
        of_organization = self.kind is Kind.USER_SESSION or self.kind is Kind.PORTAL_SESSION
        if of_organization and name not in self.features:
            raise errors.FeatureDisabled(name)

    @property
    def calling_client_id(self) -> str | None:
        """The client that calls: itself, or the one that a person's access token was issued to."""
        return self.id if self.is_client else self.client_id or None

    @property
    def actor(self) -> dict[str, str]:
        """The caller as events record it, with the operator or client that acts for it."""
        actor = {"type": self.kind.label, "id": self.id}
        if self.impersonator:
            actor["impersonator"] = self.impersonator
        if self.client_name:
            actor["client"] = self.client_name
        return actor


def signed_in(
    user_id: str,
    organization_id: str | None = None,
    session_id: str | None = None,
    *,
    impersonator: str = "",
) -> Caller:
    """Return a person as a Tenantry page lets them act: for themselves, by no permission."""
    return Caller(
        Kind.USER_SESSION,
        user_id,
        organization_id,
        frozenset(),
        session_id,
        impersonator=impersonator,
        acts_by_rule=True,
    )


ANONYMOUS = Caller(Kind.ANONYMOUS, "anonymous", permissions=frozenset())
SYSTEM = Caller(Kind.MANAGEMENT_CLIENT, "system")  # the command line, and the worker


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: "" where that is not known."""

    address: str = ""
    user_agent: str = ""
    cookies: str = ""  # the Cookie header
    site: str = ""  # Sec-Fetch-Site: how the page that asks relates to us, as browsers say
    page: str = ""  # the Origin header: that of the page that asks
    languages: str = ""  # Accept-Language

    def is_of(
        self, public_url: str, *, no_browser: bool = False, address_bar: bool = False
    ) -> bool:
        """Whether a Tenantry page made a browser send this: for a form, nothing else will do.

        Browsers say so in Sec-Fetch-Site (https://www.w3.org/TR/fetch-metadata/), older ones in
        Origin alone. SameSite is not enough: it lets pages of sibling domains send our cookies.
        ``no_browser`` also lets through a request that says neither, as other programs send it,
        which have no cookies but their own; ``address_bar`` one that no page made.
        """
        if self.site:
            return self.site == "same-origin" or (address_bar and self.site == "none")
        return self.page == public_url if self.page else no_browser


NOWHERE = Origin()
