"""An issuer host of each family on a real socket (or folder), and the adapter that speaks to it. For tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cardfab.cli.wiring import profile_source
from cardfab.crypto.ec import p256_private, p256_public, p256_sign
from cardfab.profile.host import HostProfile
from cardfab.profile.loader import load
from cardfab.simulator.host import Books, Mood, TrainingHost
from cardfab.simulator.host.jsonface import PUBLIC, FileServer, JsonFace
from cardfab.simulator.host.soapface import SoapFace
from cardfab.simulator.host.web import WebServer
from cardfab.simulator.host.xmlface import XmlFace
from cardfab.station.host import Call, Fields, IssuerHost, Operation, Reply
from cardfab.station.hosts.filedrop import FileHost
from cardfab.station.hosts.https import Certificates, Post
from cardfab.station.hosts.jsonhttps import JsonHost
from cardfab.station.hosts.notes import Note
from cardfab.station.hosts.serviceproxy import service_host
from cardfab.station.hosts.signed import Signing
from cardfab.station.hosts.soap import soap_host
from cardfab.station.hosts.steps import Credentials

STATION_KEY = p256_private(bytes(range(48)))
STATION_PUBLIC = p256_public(STATION_KEY)
SPECIMEN = Credentials("training", "training", "training")
FAMILIES = ("json", "file", "henan", "jilin", "proxy")
PROFILES = {
    "json": "json", "file": "filedrop", "henan": "dsjk-henan", "jilin": "dsjk-jilin", "proxy": "proxy-shandong",
}  # fmt: skip
HOLDER: Fields = {"number": "440101199003071234", "name": "样卡", "region": "440199", "id_type": "ID card"}
CARD = "S00000001"


def profile(family: str) -> HostProfile:
    return load(profile_source(None), "hosts", PROFILES[family], HostProfile)


@dataclass
class Memory:
    """Notes in memory; ``written`` counts."""

    kept: dict[str, dict[str, str]] = field(default_factory=dict)
    written: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def get(self, name: str) -> Note | None:
        return self.kept.get(name)

    def put(self, name: str, note: Note) -> None:
        self.kept[name] = dict(note)
        self.written.append((name, dict(note)))

    def drop(self, name: str) -> None:
        self.kept.pop(name, None)


@dataclass
class HostRig:
    """One host and one adapter."""

    family: str
    books: TrainingHost
    adapter: IssuerHost
    notes: Memory
    web: WebServer | None = None
    files: FileServer | None = None
    json: JsonFace | None = None
    asked: int = 0

    def ask(self, operation: Operation, request_id: str = "", **fields: str) -> Reply:
        self.asked += 1
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        return self.adapter.ask(Call(request_id or f"r-{self.asked}", operation, "s1", "li", at, {**HOLDER, **fields}))


def signing(family: str, *, now: datetime | None = None) -> Signing:
    stale = timedelta(seconds=profile(family).rules.stale_seconds)
    return Signing(
        lambda message: p256_sign(STATION_KEY, message), PUBLIC, os.urandom, lambda: now or datetime.now(UTC), stale
    )


@contextmanager
def host_rig(family: str, folder: Path, *, mood: Mood | None = None, seconds: float = 5.0) -> Iterator[HostRig]:
    """A host with empty books behind a family's face, and the adapter of that family's profile."""
    books, notes, found = TrainingHost(Books(), mood), Memory(), profile(family)
    with ExitStack() as stack:
        if family == "file":
            face = JsonFace(books, STATION_PUBLIC)
            server = stack.enter_context(FileServer(face, folder))
            drop = FileHost("file", found, signing(family), folder, seconds)
            yield HostRig(family, books, drop, notes, files=server, json=face)
            return
        faces = {
            "json": lambda: JsonFace(books, STATION_PUBLIC), "henan": lambda: SoapFace(books, "henan"),
            "jilin": lambda: SoapFace(books, "jilin"), "proxy": lambda: XmlFace(books),
        }  # fmt: skip
        face_of = faces[family]()
        web = stack.enter_context(WebServer(face_of))
        url = f"http://127.0.0.1:{web.port}/host"
        post = Post.at(url, Certificates(), training=True, seconds=seconds, longest=1 << 20)
        adapter: IssuerHost
        if family == "json":
            adapter = JsonHost("json", found, signing(family), post)
        elif family == "proxy":
            adapter = service_host("proxy", found, SPECIMEN, notes, post)
        else:
            adapter = soap_host(family, found, SPECIMEN, notes, post)
        yield HostRig(family, books, adapter, notes, web, json=face_of if isinstance(face_of, JsonFace) else None)
