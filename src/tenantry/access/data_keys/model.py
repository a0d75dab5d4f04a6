"""The records of a data key and a master key; times in microseconds since 1970, UTC."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DataKey:
    """One data key; the key itself is not in it."""

    version: int
    id: str
    state: str
    create_time: int
    activate_time: int | None  # it encrypts from then on, maybe in some seconds
    deprecate_time: int | None  # another one encrypts from then on
    destroy_time: int | None

    def to_event(self) -> dict[str, object]:
        """Return what events show."""
        return {"id": self.id, "version": self.version, "state": self.state}


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The description of one master key, which lies elsewhere."""

    version: int
    id: str
    provider: str
    reference: str
    state: str
    create_time: int
    deprecate_time: int | None
    destroy_time: int | None

    def to_event(self) -> dict[str, object]:
        """Return what events show."""
        return {
            "id": self.id,
            "version": self.version,
            "provider": self.provider,
            "reference": self.reference,
            "state": self.state,
        }
