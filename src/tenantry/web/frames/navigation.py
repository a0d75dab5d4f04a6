"""The navigation of a workspace: pages with many subjects have one, beside what they show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One subject: its name, its icon, its page, and whether it is the current page."""

    label: str
    icon: str
    path: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Subjects under one name, "" for none."""

    label: str
    entries: tuple[Entry, ...]
