"""The claims that the token template adds to the tokens of a subject, when they are issued.

A subject brings the version of the template in force, so no statement is made where there is none;
a process holds the parsed template of one version. Nothing here refuses a token: a template that
cannot be read adds no claims.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.db.engine import Failure
from tenantry.identity.token_templates import reading, templates, variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.db.engine import Session
    from tenantry.identity.sessions.subject import Subject
    from tenantry.identity.token_templates.templates import Template

_log = logging.getLogger(__name__)


class TokenTemplates:
    """Makes claims by the template in force."""

    def __init__(self, db: Session) -> None:
        self._db = db
        self._version = ""
        self._template: Template | None = None

    async def claims(self, subject: Subject) -> Mapping[str, Any]:
        """Return the claims for a subject, by names in order; {} where no template is in force."""
        if subject.template_version is None:
            return {}
        try:
            template = await self._of(subject.template_version)
            if template is None:
                return {}
            place = None
            if template.needs_place and subject.organization_id:
                place = await reading.place(self._db, subject.organization_id, subject.user.id)
        except Failure as problem:
            # The grant is used up by now, and a sign-in is worth more than its extra claims.
            _log.warning(
                "token issued without template", extra={"fields": {"problem": str(problem)}}
            )
            return {}
        return template.claims(variables.of(subject, place))[0]

    async def _of(self, version: str) -> Template | None:
        """Return the template of a version, or the one that has taken its place meanwhile."""
        if version != self._version:
            found = await reading.find(self._db)
            if found is None or not found.enabled:
                return None
            self._template = _parsed(found.template)
            self._version = found.version
        return self._template


def _parsed(content: Mapping[str, Any]) -> Template | None:
    try:
        return templates.read(content, field="template")
    except errors.InvalidArgument as problem:
        # Another version of this program has kept it.
        _log.warning("token template ignored", extra={"fields": {"problem": problem.message}})
        return None
