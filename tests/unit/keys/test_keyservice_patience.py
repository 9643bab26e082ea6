"""A service that listens and does not greet is waited for once; the calls behind that one do not wait as long each."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cardfab.keys import SoftKeyStore
from cardfab.keys.away import KeysAway
from cardfab.keys.service import line
from cardfab.keys.service.client import RemoteKeyStore
from cardfab.keys.service.identity import Identity, Station
from tests.keyservice_place import Kept, running


def refused_after(act: Callable[[], object]) -> float:
    began = time.monotonic()
    with pytest.raises(KeysAway) as away:
        act()
    assert away.value.code == "CF-6327"
    return time.monotonic() - began


def test_who_does_not_greet_is_waited_for_once(
    made_once: SoftKeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "_GREETING", 2.0)
    monkeypatch.setattr(line, "_AGAIN", 0.1)
    path, identity = tmp_path / "run" / "s", Identity.new("one", secrets.token_bytes)
    path.parent.mkdir(mode=0o700)
    keys = RemoteKeyStore(path, identity, secrets.token_bytes)
    with silent(path):
        assert refused_after(keys.infos) >= 2.0
        assert refused_after(keys.infos) < 1.0
    with running(Kept(made_once._held, secrets.token_bytes), tmp_path) as service:
        service.stations.enroll(Station("one", identity.public), "2026-11-22T09:00:00+00:00")
        assert keys.infos()
        keys.close()
    with silent(path):
        assert refused_after(keys.infos) >= 2.0  # it may be starting again


@contextmanager
def silent(path: Path) -> Iterator[None]:
    """Somebody listens there, and says nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        listener.listen()
        yield
