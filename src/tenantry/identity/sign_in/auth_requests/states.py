"""The states of an auth request, and the one table of the ways between them.

Names are those of the contract's AuthState where it has one; ours are shown over the API as
AUTHENTICATION_IN_PROGRESS. A step may pass through several states at once, as from the proof of an
inbox straight to the only organization: each part of its way is looked up, only its end is stored.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.identity.sign_in.model import FAILED as STATUS_FAILED
from tenantry.identity.sign_in.model import INITIATED, PENDING, SUCCESS

if TYPE_CHECKING:
    from tenantry.identity.sign_in.model import AuthRequest

IN_PROGRESS = "AUTHENTICATION_IN_PROGRESS"
LINK_OTP_SENT = "LINK_SENT_OTP_VERIFICATION_PENDING"
OTP_VERIFIED = "OTP_VERIFIED"
LINK_VERIFIED = "LINK_VERIFIED"
WEBAUTHN_VERIFIED = "WEBAUTHN_VERIFIED"
SSO_AUTHENTICATED = "SSO_AUTHENTICATED"
# A provider has vouched for somebody, whose inbox is to be proved all the same.
VERIFICATION_SENT = "VERIFICATION_MAGIC_LINK_OTP_SENT"
VERIFIED = "VERIFICATION_COMPLETED"
ORGANIZATION_SWITCHER = "ORGANIZATION_SWITCHER"
ORGANIZATION_SWITCHER_SIGNUP = "ORGANIZATION_SWITCHER_SIGNUP"  # or a new one may be founded
ORGANIZATION_SIGNUP = "ORGANIZATION_SIGNUP"
ORG_USER_CREATED = "ORG_USER_CREATED"
ORGANIZATION_SELECTED = "ORGANIZATION_SELECTED"
COMPLETED = "AUTHENTICATION_COMPLETED"
FAILED = "AUTHENTICATION_FAILED"
# Ours.
SESSION_FOUND = "SESSION_FOUND"
SSO_PENDING = "SSO_PENDING"  # the browser is to go to a provider
PASSWORD_VERIFIED = "PASSWORD_VERIFIED"  # noqa: S105 - a name, no secret
SECOND_FACTOR_PENDING = "SECOND_FACTOR_PENDING"
SECOND_FACTOR_VERIFIED = "SECOND_FACTOR_VERIFIED"
# The sign-in policy of the organization.
SECOND_FACTOR_SETUP = "SECOND_FACTOR_SETUP"
POLICY_REFUSED = "POLICY_REFUSED"
PASSWORD_CHOICE = "PASSWORD_CHOICE"  # noqa: S105 - a name, no secret
PASSWORD_CHOSEN = "PASSWORD_CHOSEN"  # noqa: S105 - a name, no secret
CONSENT_PENDING = "CONSENT_PENDING"  # the user is to allow what a client of a resource asks for

OURS = frozenset(
    {
        SESSION_FOUND,
        SSO_PENDING,
        PASSWORD_VERIFIED,
        SECOND_FACTOR_PENDING,
        SECOND_FACTOR_VERIFIED,
        SECOND_FACTOR_SETUP,
        POLICY_REFUSED,
        PASSWORD_CHOICE,
        PASSWORD_CHOSEN,
        CONSENT_PENDING,
    }
)

_UNPROVED = {
    LINK_OTP_SENT,
    OTP_VERIFIED,
    LINK_VERIFIED,
    PASSWORD_VERIFIED,
    WEBAUTHN_VERIFIED,
    SSO_AUTHENTICATED,
    SSO_PENDING,
    FAILED,
}
_PLACES = {
    ORGANIZATION_SWITCHER,
    ORGANIZATION_SWITCHER_SIGNUP,
    ORGANIZATION_SIGNUP,
    ORGANIZATION_SELECTED,
    FAILED,
}
TABLE: dict[str, set[str]] = {
    IN_PROGRESS: {*_UNPROVED, SESSION_FOUND},
    LINK_OTP_SENT: _UNPROVED,
    SSO_PENDING: _UNPROVED,
    # A first factor was given.
    OTP_VERIFIED: {SECOND_FACTOR_PENDING, PASSWORD_CHOICE, SSO_PENDING, *_PLACES},
    LINK_VERIFIED: {SECOND_FACTOR_PENDING, PASSWORD_CHOICE, SSO_PENDING, *_PLACES},
    PASSWORD_VERIFIED: {SECOND_FACTOR_PENDING, SSO_PENDING, *_PLACES},
    WEBAUTHN_VERIFIED: {SECOND_FACTOR_PENDING, SSO_PENDING, *_PLACES},
    # A provider has vouched for somebody. One of the environment is a first factor as the others.
    SSO_AUTHENTICATED: {VERIFICATION_SENT, SECOND_FACTOR_PENDING, SSO_PENDING, *_PLACES},
    VERIFICATION_SENT: {VERIFICATION_SENT, VERIFIED, FAILED},
    VERIFIED: {SECOND_FACTOR_PENDING, SSO_PENDING, *_PLACES},
    SECOND_FACTOR_PENDING: {SECOND_FACTOR_VERIFIED, FAILED},
    SECOND_FACTOR_VERIFIED: {PASSWORD_CHOICE, *_PLACES},
    PASSWORD_CHOICE: {PASSWORD_CHOSEN, FAILED},
    PASSWORD_CHOSEN: _PLACES,
    # Or there was a session already, which chooses among organizations, or founds one.
    SESSION_FOUND: {
        ORGANIZATION_SWITCHER,
        ORGANIZATION_SWITCHER_SIGNUP,
        ORGANIZATION_SELECTED,
        FAILED,
    },
    # It may not do for the one that is chosen: back to a proof.
    # The person is known: for which organization?
    ORGANIZATION_SWITCHER: {ORGANIZATION_SELECTED, SSO_PENDING, IN_PROGRESS, FAILED},
    ORGANIZATION_SWITCHER_SIGNUP: {
        ORGANIZATION_SELECTED,
        ORG_USER_CREATED,
        SSO_PENDING,
        IN_PROGRESS,
        FAILED,
    },
    ORGANIZATION_SIGNUP: {ORG_USER_CREATED, FAILED},
    ORG_USER_CREATED: {PASSWORD_CHOICE, ORGANIZATION_SELECTED},
    # The sign-in policy of the organization may ask for more.
    ORGANIZATION_SELECTED: {
        COMPLETED,
        CONSENT_PENDING,
        FAILED,
        IN_PROGRESS,
        SSO_PENDING,
        SECOND_FACTOR_PENDING,
        SECOND_FACTOR_SETUP,
        POLICY_REFUSED,
    },
    SECOND_FACTOR_SETUP: {SECOND_FACTOR_VERIFIED, ORGANIZATION_SELECTED, FAILED},
    POLICY_REFUSED: {FAILED},
    # For another organization the proofs may not do.
    CONSENT_PENDING: {ORGANIZATION_SELECTED, SSO_PENDING, IN_PROGRESS, FAILED},
    COMPLETED: set(),
    FAILED: set(),
}
# Nothing follows, and nobody finds the request any more.
FINAL = frozenset(state for state, following in TABLE.items() if not following)
# In each of these a person has been recognized.
PROVED = frozenset(TABLE) - {IN_PROGRESS, LINK_OTP_SENT, SSO_PENDING, VERIFICATION_SENT, FAILED}


# Nobody has been recognized yet: any way to sign in may follow.
UNPROVED = (IN_PROGRESS, LINK_OTP_SENT, SSO_PENDING)


class OutOfStep(errors.InvalidArgument):
    """The step does not follow from the state that the sign-in is in.

    Or another tab or a second click has taken it further meanwhile.
    """

    sentence = "this sign-in has already advanced"


def check(*way: str) -> None:
    """Look up a way through the table, from the state it starts in."""
    for state, following in itertools.pairwise(way):
        if following not in TABLE[state]:
            raise OutOfStep(f"this step is not possible: the sign-in is in state {state}")


def expect(request: AuthRequest, *states: str) -> None:
    """Make sure that a request is in one of these states."""
    if request.state not in states:
        raise OutOfStep(f"this step is not possible: the sign-in is in state {request.state}")


def status(state: str) -> str:
    """Return the status of a state, for the log of sign-ins."""
    if state == COMPLETED:
        return SUCCESS
    if state == FAILED:
        return STATUS_FAILED
    return PENDING if state in PROVED else INITIATED
