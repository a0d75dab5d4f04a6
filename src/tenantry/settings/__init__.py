"""Every setting: its name, type, default and one line of help.

`serving`, `infrastructure`, `tenancy` and `identity` declare them by subject; `table` joins them.

A setting is read from the environment (``TENANTRY_LISTEN``), else from ``tenantry.toml`` in the
working directory or where ``TENANTRY_CONFIG`` points (``listen = "..."``), else it is the default:
`reading`, with the checks of settings that belong together. `values` has a function for each kind
of text. Plain dataclass on purpose: it is read by every process at start, and a settings library
costs more time to import than all the rest of the command line (docs/decisions/0003-settings.md).
"""

from tenantry.settings.reading import SettingError, load
from tenantry.settings.table import PREFIX, Settings

__all__ = ["PREFIX", "SettingError", "Settings", "load"]
