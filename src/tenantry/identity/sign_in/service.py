"""The one way through a sign-in: from an authorization request to a code, or to an error.

The steps are in modules by what they do: `beginning`, `proving`, `choosing`, `completing`,
`invitations`. Which step may follow which, is in `states` alone.
"""

from __future__ import annotations

from tenantry.identity.sign_in.beginning import Beginning
from tenantry.identity.sign_in.invitations import Invitations
from tenantry.identity.sign_in.proving import Proving


class SignIn(Beginning, Proving, Invitations):
    """All steps of a sign-in, for the doors. Of each call, ``origin`` is set."""
