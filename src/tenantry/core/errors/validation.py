"""Errors about values of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core.errors.base import Code, Error, Violation, described, prefixed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class InvalidArgument(Error):
    """A field rule is broken, or the body cannot be read."""

    code = Code.INVALID_ARGUMENT
    sentence = "invalid argument"

    @classmethod
    def field(cls, name: str, constraint: str, description: str) -> InvalidArgument:
        """Return the error of one broken field rule."""
        return cls.of((Violation(name, constraint, description),))

    @classmethod
    def of(cls, violations: tuple[Violation, ...], *, more: int = 0) -> InvalidArgument:
        """Return the error of several broken field rules, and of a number of further ones."""
        told = described(violations)
        return cls(f"{told}; and {more} more" if more else told, violations=violations)


class Modular(InvalidArgument):
    """In modular mode, users sign in only through identity providers."""

    error_code = "MODULAR_AUTH"
    sentence = "in modular mode, users can sign in only with an identity provider"


class Duplicate(Error):
    """Another object already has this value of a field that is unique.

    Clients read it as a bad request and look for these words. ``find`` returns the id of the other
    object, "" if it is gone, from a database: for callers with a right to see it, and outside of
    transactions.
    """

    code = Code.INVALID_ARGUMENT

    def __init__(
        self,
        field: str,
        value: str = "",
        *,
        find: Callable[[Any], Awaitable[str]] | None = None,
        other: str = "",
    ) -> None:
        super().__init__()
        self.find = find
        self.other = other  # id of the other object, once it is told
        self._field = field
        self._value = value
        self._say()

    def tell(self, other: str) -> None:
        """Name the object that has the value; only for callers that may see it."""
        self.other = other
        self._say()

    def rename(self, body: str) -> None:
        self._field = prefixed(self.violations[0], body).field
        self._say()

    def _say(self) -> None:
        shown = f" {self._value!r}" if self._value else ""
        self.message = f"duplicate key not allowed: {self._field}{shown} already exists"
        if self.other:
            self.message += f", {self.other} has it"
        self.violations = (Violation(self._field, "unique", self.message),)
