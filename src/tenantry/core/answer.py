"""An answer that is made in the one form that its caller asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from protobuf import Message


@dataclass(frozen=True, slots=True)
class Answer:
    """The response of an rpc that is called often, or whose lists are long.

    ``message`` makes it. ``members`` makes the JSON of that message as REST returns it, member for
    member and in the same order, without making a message of everything in it first: that takes a
    third of the time (docs/decisions/0017-rest-responses.md).
    """

    message: Callable[[], Message[Any]]
    members: Callable[[], dict[str, Any]]


def message_of(response: Message[Any] | Answer) -> Message[Any]:
    """Return a response as a message."""
    return response.message() if isinstance(response, Answer) else response
