"""`tenantry webhook`: manages webhook endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.integrations import deliveries
from tenantry.cli.integrations.deliveries import EndpointId, EventTypes  # noqa: TC001 - typer reads them
from tenantry.cli.running import AsJson, Limit, PageToken, Yes  # noqa: TC001 - typer reads them
from tenantry.cli.tenants import organizations
from tenantry.cli.tenants.organizations import OfOrganization  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from tenantry.api.in_process import InProcessClient
    from tenantry.cli.running import ListResponse
    from tenantry.gen.tenantry.v1.webhooks_pb import WebhookEndpoint

app = typer.Typer(no_args_is_help=True, help="Webhook endpoints and their deliveries.")


@app.command()
def create(
    url: Annotated[str, typer.Argument(help="URL that receives the events.")],
    *,
    event_type: EventTypes = [],  # noqa: B006 - typer reads it and changes nothing
    organization: OfOrganization = "",
    description: Annotated[str, typer.Option(help="Description.")] = "",
    ordered: Annotated[bool, typer.Option("--ordered", help="Deliver events in order.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create an endpoint, and print its signing secret, once."""

    async def work(api: InProcessClient) -> tuple[WebhookEndpoint | None, str]:
        from tenantry.gen.tenantry.v1 import webhooks_pb as pb

        new = pb.CreateEndpoint(
            url=url,
            description=description,
            event_types=event_type,
            organization_id=await organizations.id_in(api, organization) or None,
            ordered=ordered,
        )
        made = await api.webhooks.create_endpoint(pb.CreateEndpointRequest(endpoint=new))
        return made.endpoint, made.secret

    endpoint, secret = running.with_api(work, named=organization)
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

    async def work(api: InProcessClient) -> tuple[list[WebhookEndpoint], str, int]:
        from tenantry.gen.tenantry.v1 import webhooks_pb as pb

        where = await organizations.id_in(api, organization) or None

        async def page(size: int, token: str) -> tuple[list[WebhookEndpoint], ListResponse]:
            found = await api.webhooks.list_endpoints(
                pb.ListEndpointsRequest(organization_id=where, page_size=size, page_token=token)
            )
            return found.endpoints, found

        return await running.collected(page, limit=limit, page_token=page_token)

    found, token, total = running.with_api(work, named=organization)
    if as_json:
        running.print_json([_to_json(endpoint) for endpoint in found])
    else:
        running.print_table(
            ["Endpoint", "URL", "Events", "State"],
            [
                (
                    f"{e.id}\n{e.organization_id or ''}",
                    e.url,
                    "\n".join(e.event_types) or "all published types",
                    _state(e),
                )
                for e in found
            ],
        )
    running.remark_more(len(found), token, total)


@app.command()
def show(endpoint_id: EndpointId, *, as_json: AsJson = False) -> None:
    """Print an endpoint, without its secret."""

    async def work(api: InProcessClient) -> WebhookEndpoint | None:
        from tenantry.gen.tenantry.v1 import webhooks_pb as pb

        request = pb.GetEndpointRequest(endpoint_id=endpoint_id)
        return (await api.webhooks.get_endpoint(request)).endpoint

    _print_endpoint(running.with_api(work, named=endpoint_id), as_json=as_json)


@app.command()
def update(
    endpoint_id: EndpointId,
    *,
    url: Annotated[str | None, typer.Option(help="New URL.")] = None,
    description: Annotated[str | None, typer.Option(help="Description.")] = None,
    event_type: EventTypes = [],  # noqa: B006
    all_event_types: Annotated[
        bool, typer.Option("--all-event-types", help="Send all published event types.")
    ] = False,
    ordered: Annotated[
        bool | None, typer.Option("--ordered/--unordered", help="Deliver events in order.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change the given fields of an endpoint."""
    if event_type and all_event_types:
        running.fail("--event-type and --all-event-types cannot be given together")
    if not event_type and not all_event_types and (url, description, ordered) == (None,) * 3:
        running.fail("nothing to change: see `tenantry webhook update --help`")

    async def work(api: InProcessClient) -> WebhookEndpoint | None:
        from tenantry.gen.tenantry.v1 import webhooks_pb as pb

        change = pb.UpdateEndpoint(
            url=url,
            description=description,
            event_types=event_type,
            all_event_types=all_event_types,
            ordered=ordered,
        )
        request = pb.UpdateEndpointRequest(endpoint_id=endpoint_id, endpoint=change)
        return (await api.webhooks.update_endpoint(request)).endpoint

    _print_endpoint(running.with_api(work, named=endpoint_id), as_json=as_json)


app.command("test")(deliveries.send_test)
for _command in (deliveries.deliveries, deliveries.attempts, deliveries.replay):
    app.command()(_command)


@app.command()
def enable(endpoint_id: EndpointId, *, as_json: AsJson = False) -> None:
    """Enable an endpoint; pending deliveries are sent first."""

    async def work(api: InProcessClient) -> WebhookEndpoint | None:
        from tenantry.gen.tenantry.v1 import webhooks_pb as pb

        request = pb.EnableEndpointRequest(endpoint_id=endpoint_id)
        return (await api.webhooks.enable_endpoint(request)).endpoint

    _print_endpoint(running.with_api(work, named=endpoint_id), as_json=as_json)


@app.command()
def disable(endpoint_id: EndpointId, *, as_json: AsJson = False) -> None:
    """Disable an endpoint."""

    async def work(api: InProcessClient) -> WebhookEndpoint | None:
        from tenantry.gen.tenantry.v1 import webhooks_pb as pb

        request = pb.DisableEndpointRequest(endpoint_id=endpoint_id)
        return (await api.webhooks.disable_endpoint(request)).endpoint

    _print_endpoint(running.with_api(work, named=endpoint_id), as_json=as_json)


@app.command()
def delete(
    endpoint_id: EndpointId,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete an endpoint with all its deliveries."""
    running.confirm(f"Delete {endpoint_id}?", yes=yes)

    async def work(api: InProcessClient) -> None:
        from tenantry.gen.tenantry.v1 import webhooks_pb as pb

        await api.webhooks.delete_endpoint(pb.DeleteEndpointRequest(endpoint_id=endpoint_id))

    running.with_api(work, named=endpoint_id)
    running.tell({"deleted": endpoint_id}, f"deleted {endpoint_id}", as_json=as_json)


@app.command("rotate-secret")
def rotate_secret(endpoint_id: EndpointId, *, as_json: AsJson = False) -> None:
    """Create a new secret for an endpoint and print it, once; the old one is valid for a day."""

    async def work(api: InProcessClient) -> tuple[WebhookEndpoint | None, str]:
        from tenantry.gen.tenantry.v1 import webhooks_pb as pb

        request = pb.RotateEndpointSecretRequest(endpoint_id=endpoint_id)
        rotated = await api.webhooks.rotate_endpoint_secret(request)
        return rotated.endpoint, rotated.secret

    endpoint, secret = running.with_api(work, named=endpoint_id)
    _print_secret(endpoint, secret, as_json=as_json)


def _print_secret(endpoint: WebhookEndpoint | None, secret: str, *, as_json: bool) -> None:
    assert endpoint is not None
    if as_json:
        running.print_json({"endpoint": _to_json(endpoint), "secret": secret})
        return
    running.say(f"endpoint  {endpoint.id}\nsecret    {secret}")
    running.remark("The secret is not shown again.")


def _to_json(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": endpoint.event_types,
        "organization_id": endpoint.organization_id or None,
        "enabled": endpoint.enabled,
        "ordered": endpoint.ordered,
        "disabled_reason": endpoint.disabled_reason or None,
        "failing_since": running.precise_moment(endpoint.failing_since),
        "previous_secret_expire_time": running.precise_moment(endpoint.previous_secret_expire_time),
        "create_time": running.precise_moment(endpoint.create_time),
        "update_time": running.precise_moment(endpoint.update_time),
    }


def _print_endpoint(endpoint: WebhookEndpoint | None, *, as_json: bool) -> None:
    assert endpoint is not None
    shown = _to_json(endpoint)
    if as_json:
        running.print_json(shown)
        return
    for name, value in shown.items():
        text = ", ".join(value) if isinstance(value, list) else value
        running.say(f"{name:<28}{'' if text is None else text}")


def _state(endpoint: WebhookEndpoint) -> str:
    if not endpoint.enabled:
        return f"disabled\n{endpoint.disabled_reason}".strip()
    since = running.moment(endpoint.failing_since)
    return "enabled" if since is None else f"failing since\n{since}"
