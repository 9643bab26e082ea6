"""Services for the tests marked ``service``: started by the tests, ended with them."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _load_services() -> ModuleType:
    # tools/ is no package: its programs are run, not imported; this one is both.
    path = Path(__file__).resolve().parents[2] / "tools" / "services.py"
    spec = importlib.util.spec_from_file_location("cardfab_services", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


services = _load_services()
_service = services.PcscService()
# libpcsclite reads the name once a process, at its first call, and any test of this process may make that call.
os.environ.update(_service.environment)


@pytest.fixture(scope="session")
def pcsc_service() -> Iterator[Any]:
    """A private pcscd with vpcd: ``reader_names``, ``vpcd_host``, ``vpcd_port``, ``environment``."""
    with _service as running:
        yield running


@pytest.fixture(scope="session")
def services_module() -> ModuleType:
    """tools/services.py."""
    return services
