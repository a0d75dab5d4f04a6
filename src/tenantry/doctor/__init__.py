"""The checks of `tenantry doctor`."""

from tenantry.doctor.checks import examine
from tenantry.doctor.findings import Finding

__all__ = ["Finding", "examine"]
