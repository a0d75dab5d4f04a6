"""The services of the API: each is found by its name, and loaded without the others."""

from __future__ import annotations

import subprocess
import sys

import pytest
from served import SERVICES

from tenantry import services

_LOADED = """
import sys
from tenantry import services
list(services.rpcs_of(sys.argv[1], None))
print(*(name for name in sys.modules if name.endswith(".rpc")))
"""


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.type_name)
def test_a_service_is_found_by_its_name(service):
    found = services.service(service.type_name)
    assert found.contract.desc().services[0] == service


def test_no_service_loads_another():
    arguments = [sys.executable, "-c", _LOADED, "tenantry.v1.SigningKeyService"]
    loaded = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    assert loaded.split() == ["tenantry.access.keys.rpc"]
