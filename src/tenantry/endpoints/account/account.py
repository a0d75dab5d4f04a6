"""`/ui/profile/account`: a person's name, and the address by which they are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.tenants.users import service as users

if TYPE_CHECKING:
    from tenantry.endpoints.account.site import AccountSite, Visit
    from tenantry.net.http import Response

PATH = "/ui/profile/account"
_NAMES = ("given_name", "family_name")
_NAME_MAX = 255


class AccountPages:
    def __init__(self, site: AccountSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """Show it, and the last change."""
        done = visit.query("done") == "renamed"
        return self._site.render(
            visit,
            "account.html",
            page="account",
            done=visit.words.plain("account.done_renamed") if done else "",
        )

    async def rename(self, visit: Visit) -> Response:
        """Change the name."""
        form = visit.request.form()
        given = {name: form.get(name, "").strip() for name in _NAMES}
        too_long = next((name for name in _NAMES if len(given[name]) > _NAME_MAX), None)
        if too_long is not None:
            return self._site.wrong(visit, too_long, "problem.own_name", given=given)
        try:
            await users.change_own(visit.call, {"profile": given})
        except errors.InvalidArgument as problem:
            fields = {one.field.rpartition(".")[2] for one in problem.violations}
            name = next((name for name in _NAMES if name in fields), "")
            return self._site.wrong(visit, name, "problem.own_name", given=given)
        return self._site.redirect(f"{PATH}?done=renamed")
