"""Waiting for what another process or a task does."""

from __future__ import annotations
