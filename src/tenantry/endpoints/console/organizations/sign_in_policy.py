"""The tab of an organization's sign-in policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.console.organizations import organization_page
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.web import sign_in_policies
from tenantry.web.forms import boxes
from tenantry.web.sign_in_policies import METHODS, PolicyForm

if TYPE_CHECKING:
    from tenantry.gen.tenantry.v1.organization_policies_pb import (
        SimulateOrganizationPolicyResponse,
    )
    from tenantry.net.http import Response

_TAB = "sign-in-policy"


def pages(site: ConsoleSite) -> list[Page]:
    tab = _SignInPolicy(site)
    root = f"/organizations/{{id}}/{_TAB}"
    return [
        Page("GET", root, tab.show),
        Page("POST", f"{root}/update", tab.save),
        Page("POST", f"{root}/preview", tab.preview),
    ]


class _SignInPolicy:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        kept = {
            name: text for name, text in self._site.problems(visit.request).given.items() if name
        }
        if kept:
            return await self._page(visit, PolicyForm.of_form(kept))
        stored = await sign_in_policies.load(visit.api, visit.request.params["id"])
        return await self._page(visit, stored)

    async def save(self, visit: Visit) -> Response:
        form, path = boxes.form(visit.request), organization_page.path_of(visit, _TAB)
        try:
            policy = PolicyForm.of_form(form)
            await sign_in_policies.save(visit.api, visit.request.params["id"], policy)
        except errors.InvalidArgument as problem:
            fields = sign_in_policies.fields_of(problem)
            return self._site.wrong(visit, problem, path, fields, form)
        return self._site.done(path, "changed")

    async def preview(self, visit: Visit) -> Response:
        """Show the members whom the policy of the form would affect; nothing is saved."""
        form, path = boxes.form(visit.request), organization_page.path_of(visit, _TAB)
        policy = PolicyForm.of_form(form)
        try:
            found = await sign_in_policies.preview(visit.api, visit.request.params["id"], policy)
        except errors.InvalidArgument as problem:
            fields = sign_in_policies.fields_of(problem)
            return self._site.wrong(visit, problem, path, fields, form)
        return await self._page(visit, policy, found)

    async def _page(
        self,
        visit: Visit,
        policy: PolicyForm,
        found: SimulateOrganizationPolicyResponse | None = None,
    ) -> Response:
        organization = await organization_page.get(visit)
        return organization_page.render(
            self._site,
            visit,
            _TAB,
            organization,
            policy=policy,
            methods=[(name, visit.words(f"policy.method_{name.lower()}"), "") for name in METHODS],
            members=await sign_in_policies.members(visit.api, organization.id, policy),
            found=found,
        )
