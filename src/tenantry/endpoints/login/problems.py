"""Problems of the values that a person typed: a sentence, and the field to say it at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.core import errors

# By the step that was refused: the field beside which it is said ("" for none), and the words.
_STEPS: Mapping[str, tuple[str, str]] = {
    "email": ("email", "problem.email"),
    "password": ("password", "problem.credentials"),
    "passkey": ("passkey", "problem.passkey"),
    "code": ("code", "problem.code"),
    "second-factor": ("code", "problem.second_factor"),
    "set-up-later": ("", "problem.grace_over"),
    "recovery": ("code", "problem.recovery_code"),
    "new-password": ("password", "problem.password"),
    "organization": ("", "problem.organization"),
    "consent": ("", "problem.organization"),
    "sign-up": ("", "problem.limit"),
}
# Where more is known: by step, and by the field and the rule that the error names.
_RULES: Mapping[tuple[str, str, str], tuple[str, str]] = {
    ("password", "email", "string.email"): ("email", "problem.email"),
    ("new-password", "password", "string.min_len"): ("password", "problem.password_short"),
    ("new-password", "password", "string.max_len"): ("password", "problem.password_long"),
    ("new-password", "password", "not_email"): ("password", "problem.password_email"),
    ("new-password", "password", "not_breached"): ("password", "problem.password_breached"),
    ("new-password", "password", "not_common"): ("password", "problem.password_common"),
    ("new-password", "password", "not_derived"): ("password", "problem.password_derived"),
    ("new-password", "password", "min_score"): ("password", "problem.password_weak"),
    ("consent", "scopes", "in"): ("scopes", "problem.scopes"),
    ("consent", "scopes", "repeated.min_items"): ("scopes", "problem.scopes"),
    ("sign-up", "organization_name", "string.len"): ("organization_name", "problem.name"),
    ("sign-up", "first_name", "string.max_len"): ("first_name", "problem.name_long"),
    ("sign-up", "last_name", "string.max_len"): ("last_name", "problem.name_long"),
}
# Where it says more than that there were too many: by the step that came too often.
_LIMITS: Mapping[str, str] = {
    "email": "problem.mail_limit",
    "resend": "problem.mail_limit",
    "password": "problem.password_limit",
    "code": "problem.code_limit",
    "second-factor": "problem.second_factor_limit",
}


def limit(step: str) -> str:
    """Return the key of the sentence to say where a step came too often."""
    return _LIMITS.get(step, "problem.limited")


def keys(step: str, error: errors.InvalidArgument) -> dict[str, str]:
    """Return the key of the sentence to say, by the field to say it at."""
    field, key = _STEPS[step]
    for violation in error.violations:
        rule = (step, violation.field, violation.constraint)
        field, key = _RULES.get(rule, (field, key))
    return {field: key}
