"""The issuer host of the settings, joined from its profile, its line, its certificates and its credentials."""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

from cardfab.errors import Text, UsageRefused
from cardfab.profile.host import Family, HostProfile
from cardfab.profile.loader import load
from cardfab.settings import Located
from cardfab.station.desk import Desk
from cardfab.station.host import IssuerHost
from cardfab.station.hostline import LineHost, tcp_exchange
from cardfab.station.hosts.courier import Courier
from cardfab.station.hosts.filedrop import FileHost
from cardfab.station.hosts.https import Certificates, LineRefused, Post
from cardfab.station.hosts.jsonhttps import JsonHost
from cardfab.station.hosts.notes import DeskNotes
from cardfab.station.hosts.signed import HOST_KEY, Signing
from cardfab.station.hosts.steps import Credentials

_SEAL = "station/seal"
_BOUND = b"host credentials"
_PROFILES: Mapping[Family, str] = {
    "json-https": "json", "file-drop": "filedrop", "soap": "dsjk-henan", "service-proxy": "proxy-shandong",
}  # fmt: skip
_SPECIMEN = Credentials("training", "training", "training")
"""What the training host of every family takes."""


def issuer_of(located: Located, desk: Desk) -> IssuerHost | None:
    """The host of the settings; None where the station has none.

    Raises UsageRefused (a simulated host at a real station), LineRefused, ProfileRefused, DeviceFault.
    """
    address = located.values.host
    if address == "none":
        return None
    if address == "simulated":
        return _simulated(located, desk)
    if address.startswith("tcp://"):
        _require_near(address, training=desk.training)
        return LineHost(address, tcp_exchange(address))
    return _adapter(located, desk, *_split(address))


def profile_of(located: Located, desk: Desk) -> HostProfile | None:
    """The profile of the host of the settings; None for a host that needs none."""
    address = located.values.host
    if address in ("none", "simulated") or address.startswith("tcp://"):
        return None
    return _profile(located, desk, _split(address)[0])


def courier_of(located: Located, base: Desk) -> Courier | None:
    """Who tells the host by itself what waits; None where there is no host."""
    if located.values.host == "none":
        return None
    profile = profile_of(located, base)
    minutes = 1 if profile is None else profile.rules.retry_minutes
    return Courier(base, partial(issuer_of, located), 60.0 * minutes)


def _split(address: str) -> tuple[Family, str]:
    """The family and the rest of an address."""
    if address.startswith("file:"):
        return "file-drop", address.removeprefix("file:").removeprefix("//")
    for prefix, family in (("soap+", "soap"), ("xml+", "service-proxy")):
        if address.startswith(prefix):
            return ("soap" if family == "soap" else "service-proxy"), address.removeprefix(prefix)
    return "json-https", address


def _profile(located: Located, desk: Desk, family: Family) -> HostProfile:
    profile = load(desk.profiles, "hosts", located.values.issuer.profile or _PROFILES[family], HostProfile)
    if profile.family != family:
        raise LineRefused(
            Text(
                f"The profile '{profile.name}' is for {profile.family}, the address for {family}.",
                f"配置“{profile.name}”适用于 {profile.family}，而主机地址为 {family}。",
            ),
            do=Text("Correct 'host' or [issuer] 'profile' in the settings.", "请修改 host 或 [issuer] profile。"),
            code="CF-5626",
        )
    return profile


def _adapter(located: Located, desk: Desk, family: Family, where: str) -> IssuerHost:
    profile, name = _profile(located, desk, family), located.values.host
    if family == "file-drop":
        folder = located.path(where)
        return FileHost(name, profile, _signing(located, desk, profile), folder, profile.rules.seconds)
    section = located.values.issuer
    post = Post.at(
        where,
        Certificates(*(_file(located, one) for one in (section.trust, section.client, section.client_key))),
        training=desk.training,
        seconds=profile.rules.seconds,
        longest=profile.rules.longest_answer,
    )
    if family == "json-https":
        return JsonHost(name, profile, _signing(located, desk, profile), post)
    credentials = credentials_of(located, desk)
    # These two parse XML with a library that a station without such a host need not have.
    if family == "soap":
        from cardfab.station.hosts.soap import soap_host

        return soap_host(name, profile, credentials, DeskNotes(desk), post)
    from cardfab.station.hosts.serviceproxy import service_host

    return service_host(name, profile, credentials, DeskNotes(desk), post)


def _file(located: Located, name: str) -> Path | None:
    return located.path(name) if name else None


def _signing(located: Located, desk: Desk, profile: HostProfile) -> Signing:
    public = located.values.issuer.public_key
    if not public:
        raise LineRefused(
            Text("The settings lack the key that checks the host's answers.", "设置中缺少验证主机应答的公钥。"),
            do=Text("Write 'public_key' into [issuer].", "请在 [issuer] 中填写 public_key。"),
            code="CF-5627",
        )
    stale = timedelta(seconds=profile.rules.stale_seconds)
    return Signing(partial(desk.keys.sign, HOST_KEY), bytes.fromhex(public), desk.random, desk.now, stale)


def _require_near(address: str, *, training: bool) -> None:
    """A line of plain JSON leaves the machine in training only."""
    host = address.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    try:
        near = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        near = False
    if not (training or near):
        raise LineRefused(
            Text("A real station speaks to a distant host by TLS only.", "正式制卡点只能通过 TLS 连接远端主机。"),
            do=Text("Give the host an https:// address.", "请将 host 改为 https:// 地址。"),
            code="CF-5628",
        )


def _simulated(located: Located, desk: Desk) -> IssuerHost:
    if not desk.training:
        raise UsageRefused(
            Text("A simulated host is for a training station.", "模拟主机仅用于训练制卡点。"),
            do=Text("Set 'host' to the address of a host, or none.", "请将设置中的 host 改为主机地址或 none。"),
            code="CF-2111",
        )
    from cardfab.simulator.host import Books, TrainingHost

    file = located.path("host.json")

    def exchange(line: bytes) -> bytes:
        with file.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # requests of one server and of commands beside it have the same books
            answer = TrainingHost(Books.open(file)).receive(line)
        if answer is None:
            raise TimeoutError
        return answer

    return LineHost("simulated", exchange)


def credentials_of(located: Located, desk: Desk) -> Credentials:
    """The sealed credentials; at a training station without any, those of the training host. Raises LineRefused."""
    file = located.path(located.values.issuer.credentials)
    if not file.exists():
        if desk.training:
            return _SPECIMEN
        raise LineRefused(
            Text("The station has no credentials for its host.", "本网点没有主机的用户与口令。"),
            do=Text("Enter them: 'cardfab host credentials'.", "请录入：cardfab host credentials。"),
            code="CF-5629",
        )
    try:
        kept = json.loads(file.read_bytes())
        salt, sealed = bytes.fromhex(kept["salt"]), bytes.fromhex(kept["sealed"])
    except (ValueError, KeyError, TypeError) as damaged:
        raise LineRefused(
            Text(f"{file.name} holds no credentials.", f"{file.name} 中没有主机口令。"),
            do=Text("Enter them again: 'cardfab host credentials'.", "请重新录入：cardfab host credentials。"),
            code="CF-5619",
        ) from damaged
    return Credentials(**json.loads(desk.keys.unseal(_SEAL, salt, sealed, _BOUND)))


def keep_credentials(located: Located, desk: Desk, user: str, password: str, licence: str) -> Path:
    """Seal the credentials into their file, whole or not at all."""
    file, salt = located.path(located.values.issuer.credentials), desk.random(32)
    plain = json.dumps({"user": user, "password": password, "licence": licence}, ensure_ascii=False).encode()
    kept = {"salt": salt.hex(), "sealed": desk.keys.seal(_SEAL, salt, plain, _BOUND).hex()}
    part = file.with_suffix(file.suffix + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as out:
        json.dump(kept, out)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
    return file
