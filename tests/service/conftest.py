"""Services for the tests marked ``service``: started by the tests, ended with them."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cardfab.simulator.chip import TrainingChip, serve_vpcd
from tests.service.postgres import postgres
from tests.service.softhsm import token

__all__ = ["postgres", "token"]


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


def _wait_for(reader: str, present: bool) -> None:
    """Until the service says of the reader's slot what it holds: it looks twice a second or so."""
    from smartcard import scard

    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    assert result == scard.SCARD_S_SUCCESS
    try:
        until = time.monotonic() + 15
        while True:
            _, states = scard.SCardGetStatusChange(context, 0, [(reader, scard.SCARD_STATE_UNAWARE)])
            if bool(states[0][1] & scard.SCARD_STATE_PRESENT) == present:
                return
            assert time.monotonic() < until, f"the card in {reader} is {'not ' if present else 'still '}seen"
            time.sleep(0.02)
    finally:
        scard.SCardReleaseContext(context)


@pytest.fixture(scope="session")
def insert(pcsc_service: Any) -> Callable[[TrainingChip], AbstractContextManager[str]]:
    """A context that holds a chip in slot 0, seen by the service, and gives the reader's name."""

    @contextmanager
    def inserted(chip: TrainingChip) -> Iterator[str]:
        reader = pcsc_service.reader_names[0]
        _wait_for(reader, present=False)
        out = threading.Event()
        place = (chip, pcsc_service.vpcd_host, pcsc_service.vpcd_port, out)
        serving = threading.Thread(target=serve_vpcd, args=place, daemon=True)
        serving.start()
        try:
            _wait_for(reader, present=True)
            yield reader
        finally:
            out.set()
            serving.join(15)
            assert not serving.is_alive()
            _wait_for(reader, present=False)

    return inserted
