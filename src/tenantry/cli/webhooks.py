"""`tenantry webhook`: where events are sent, their deliveries, and sending them once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import deliveries, organizations, running
from tenantry.cli.deliveries import EndpointId, EventTypes  # noqa: TC001 - typer reads them
from tenantry.cli.organizations import OfOrganization  # noqa: TC001 - typer reads it
from tenantry.cli.running import AsJson, Limit, PageToken, Yes  # noqa: TC001 - typer reads them
from tenantry.settings import load

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.pages import Page
    from tenantry.events.webhooks.records import Endpoint

app = typer.Typer(no_args_is_help=True, help="Webhook endpoints, and what is sent to them.")


@app.command()
def create(
    url: Annotated[str, typer.Argument(help="The address that events are POSTed to.")],
    *,
    event_type: EventTypes = [],  # noqa: B006 - typer reads it and changes nothing
    organization: OfOrganization = "",
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    ordered: Annotated[
        bool, typer.Option("--ordered", help="Send one event after the other.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create an endpoint, and print its signing secret, once."""

    async def work(call: Call) -> tuple[Endpoint, str]:
        from tenantry.events.webhooks import service

        members = {
            "url": url,
            "description": description,
            "event_types": event_type,
            "ordered": ordered,
        }
        where = await organizations.id_of(call, organization)
        return await service.create(
            call, members, organization_id=where or None, allow=load().outgoing_allow
        )

    endpoint, secret = running.with_call(work, named=organization)
    _print_secret(endpoint, secret, as_json=as_json)


@app.command("list")
def list_(
    *,
    organization: OfOrganization = "",
    limit: Limit = 20,
    page_token: PageToken = "",
    as_json: AsJson = False,
) -> None:
    """List endpoints, the newest first."""

    async def work(call: Call) -> tuple[list[Endpoint], str, int]:
        from tenantry.events.webhooks import listing

        where = await organizations.id_of(call, organization) or None

        async def page(size: int, token: str) -> Page[Endpoint]:
            return await listing.endpoints(call, where, page_size=size, page_token=token)

        return await running.collected(page, limit=limit, page_token=page_token)

    found, token, total = running.with_call(work, named=organization)
    if as_json:
        running.print_json([endpoint.shown() for endpoint in found])
    else:
        running.print_table(
            ["Endpoint", "URL", "Events", "State"],
            [
                (
                    f"{e.id}\n{e.organization_id or ''}",
                    e.url,
                    "\n".join(e.event_types) or "every published type",
                    _state(e),
                )
                for e in found
            ],
        )
    running.remark_more(len(found), token, total)


@app.command()
def show(endpoint_id: EndpointId, *, as_json: AsJson = False) -> None:
    """Print an endpoint, without its secret."""

    async def work(call: Call) -> Endpoint:
        from tenantry.events.webhooks import service

        return await service.get(call.db, endpoint_id)

    _print_endpoint(running.with_call(work, named=endpoint_id), as_json=as_json)


@app.command()
def update(
    endpoint_id: EndpointId,
    *,
    url: Annotated[str | None, typer.Option(help="Another address.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    event_type: EventTypes = [],  # noqa: B006
    all_event_types: Annotated[
        bool, typer.Option("--all-event-types", help="Every published type from now on.")
    ] = False,
    ordered: Annotated[
        bool | None, typer.Option("--ordered/--unordered", help="One event after the other.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change the given fields of an endpoint."""
    if event_type and all_event_types:
        running.fail("--event-type and --all-event-types cannot be given together")
    given: dict[str, Any] = {"url": url, "description": description, "ordered": ordered}
    members = {name: value for name, value in given.items() if value is not None}
    if event_type or all_event_types:
        members["event_types"] = event_type
    if not members:
        running.fail("there is nothing to change: see `tenantry webhook update --help`")

    async def work(call: Call) -> Endpoint:
        from tenantry.events.webhooks import service

        return await service.change(call, endpoint_id, members, allow=load().outgoing_allow)

    _print_endpoint(running.with_call(work, named=endpoint_id), as_json=as_json)


app.command("test")(deliveries.send_test)
for _command in (deliveries.deliveries, deliveries.attempts, deliveries.replay):
    app.command()(_command)


@app.command()
def enable(endpoint_id: EndpointId, *, as_json: AsJson = False) -> None:
    """Enable an endpoint; pending deliveries are sent first."""

    async def work(call: Call) -> Endpoint:
        from tenantry.events.webhooks import service

        return await service.enable(call, endpoint_id)

    _print_endpoint(running.with_call(work, named=endpoint_id), as_json=as_json)


@app.command()
def disable(endpoint_id: EndpointId, *, as_json: AsJson = False) -> None:
    """Disable an endpoint."""

    async def work(call: Call) -> Endpoint:
        from tenantry.events.webhooks import service

        return await service.disable(call, endpoint_id)

    _print_endpoint(running.with_call(work, named=endpoint_id), as_json=as_json)


@app.command()
def delete(
    endpoint_id: EndpointId,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete an endpoint with all its deliveries."""
    running.confirm(f"Delete {endpoint_id}?", yes=yes)

    async def work(call: Call) -> None:
        from tenantry.events.webhooks import service

        await service.remove(call, endpoint_id)

    running.with_call(work, named=endpoint_id)
    running.tell({"deleted": endpoint_id}, f"deleted {endpoint_id}", as_json=as_json)


@app.command("rotate-secret")
def rotate_secret(endpoint_id: EndpointId, *, as_json: AsJson = False) -> None:
    """Create a new secret for an endpoint and print it, once; the old one is valid for a day."""

    async def work(call: Call) -> tuple[Endpoint, str]:
        from tenantry.events.webhooks import service

        return await service.rotate_secret(call, endpoint_id)

    endpoint, secret = running.with_call(work, named=endpoint_id)
    _print_secret(endpoint, secret, as_json=as_json)


def _print_secret(endpoint: Endpoint, secret: str, *, as_json: bool) -> None:
    if as_json:
        running.print_json({"endpoint": endpoint.shown(), "secret": secret})
        return
    running.say(f"endpoint  {endpoint.id}\nsecret    {secret}")
    running.remark("The secret is not shown again.")


def _print_endpoint(endpoint: Endpoint, *, as_json: bool) -> None:
    shown = endpoint.shown()
    if as_json:
        running.print_json(shown)
        return
    for name, value in shown.items():
        text = ", ".join(value) if isinstance(value, list) else value
        running.say(f"{name:<28}{'' if text is None else text}")


def _state(endpoint: Endpoint) -> str:
    if not endpoint.enabled:
        return f"disabled\n{endpoint.disabled_reason or ''}".strip()
    since = running.moment(endpoint.failing_since)
    return "enabled" if since is None else f"failing since\n{since}"
