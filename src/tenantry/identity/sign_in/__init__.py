"""Signing in: an authorization request on its way to a code, or to an error.

Owns the auth requests, their states and the one table of transitions; `auth_log` lists them. Pages
are `login`'s concern, proofs are those of `passwordless`, `passkeys`, `passwords` and `totp`.

A step is a function over the `dependencies` of a deployment: `beginning`, `verification`,
`choosing` and `completing` have those of one sign-in, in this order, `federated.completion` those
that follow a provider's answer, and `invitations` those of a link from a mail. Of each call that
they get, ``origin`` is set. Which step may follow which is in `states` alone; `login_requirements`
says by which provider somebody is to sign in, and which organizations a session is good for.
"""

__all__ = [
    "answers",
    "auth_requests.browsers",
    "auth_requests.refusals",
    "auth_requests.requests",
    "auth_requests.states",
    "beginning",
    "choosing",
    "completing",
    "confirming",
    "consenting",
    "dependencies",
    "federated.completion",
    "federated.trust",
    "invitations",
    "login_requirements",
    "model",
    "places",
    "policy_steps",
    "verification",
]
