"""One POST over HTTPS with certificates of both sides; in training also over plain HTTP. Nothing personal in a URL."""

from __future__ import annotations

import http.client
import ssl
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cardfab.errors import DeviceFault, Text
from cardfab.station.hostline import NotConnected

_PORTION = 65536


class LineRefused(DeviceFault):
    """The settings give no line to the host that may be used."""

    default_code = "CF-5621"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM: who is trusted to name the host, and how this station names itself."""

    trust: Path | None = None
    client: Path | None = None
    client_key: Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``repr`` shows no byte of it."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Post:
    """A place to post to."""

    host: str
    port: int
    path: str
    seconds: float
    longest: int
    context: ssl.SSLContext | None = None

    @classmethod
    def at(cls, url: str, certificates: Certificates, *, training: bool, seconds: float, longest: int) -> Post:
        """Where an address leads; raises :class:`LineRefused`: no certificates, or plain HTTP at a real station."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        clean = not (parts.query or parts.fragment or parts.username or parts.password)
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1 or not clean:
            raise LineRefused(
                Text(
                    "The host's address is no http(s)://HOST[:PORT]/PATH.", "主机地址须为 http(s)://主机[:端口]/路径。"
                ),
                do=Text(
                    "Correct 'host' in the settings; no query, no password in it.",
                    "请修改设置中的 host，不得含参数或口令。",
                ),
            )
        if parts.scheme == "http" and not training:
            raise LineRefused(
                Text("A real station speaks to its host by TLS only.", "正式制卡点只能通过 TLS 连接主机。"),
                do=Text("Give the host an https:// address.", "请将 host 改为 https:// 地址。"),
                code="CF-5622",
            )
        context = _context(certificates, training=training) if parts.scheme == "https" else None
        default = 80 if context is None else 443
        return cls(parts.hostname, port or default, parts.path or "/", seconds, longest, context)

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post it and wait; raises NotConnected (nothing was sent) or OSError (it may have been done)."""
        until = time.monotonic() + self.seconds
        line: http.client.HTTPConnection
        if self.context is None:
            line = http.client.HTTPConnection(self.host, self.port, timeout=self.seconds)
        else:
            line = http.client.HTTPSConnection(self.host, self.port, timeout=self.seconds, context=self.context)
        try:
            try:
                line.connect()
            except OSError as away:
                raise NotConnected from away
            line.request("POST", self.path, body=body, headers=dict(headers))
            answer = line.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, self._whole(answer, until))
        except http.client.HTTPException as broken:
            raise ConnectionResetError from broken
        finally:
            line.close()

    def _whole(self, answer: http.client.HTTPResponse, until: float) -> bytes:
        got = bytearray()
        while portion := answer.read1(_PORTION):
            got += portion
            if len(got) > self.longest:
                raise ConnectionAbortedError
            if time.monotonic() > until:
                raise TimeoutError
        return bytes(got)


def _context(certificates: Certificates, *, training: bool) -> ssl.SSLContext:
    """TLS 1.2 or later, the host's name checked, the station's own certificate shown."""
    if not training and (certificates.client is None or certificates.trust is None):
        raise LineRefused(
            Text("The host wants certificates of both sides.", "连接主机须配置双方证书。"),
            do=Text(
                "Name 'trust', 'client' and 'client_key' in [issuer].",
                "请在 [issuer] 中填写 trust、client、client_key。",
            ),
            code="CF-5623",
        )
    if certificates.client_key is not None and certificates.client_key.is_file():
        mode = certificates.client_key.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise LineRefused(
                Text("Others can read the key of the station's TLS certificate.", "他人可读取本网点 TLS 证书的私钥。"),
                do=Text("Make the file private: chmod 600.", "请将文件权限改为 600。"),
                code="CF-5624",
            )
    try:
        context = ssl.create_default_context(cafile=certificates.trust and str(certificates.trust))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificates.client is not None:
            key = certificates.client_key and str(certificates.client_key)
            context.load_cert_chain(str(certificates.client), key, password="")
    except (OSError, ValueError) as unusable:
        raise LineRefused(
            Text("The certificates of [issuer] cannot be used.", "[issuer] 中的证书无法使用。"),
            do=Text("Give PEM files, the key without a password.", "请提供 PEM 文件，私钥不加口令。"),
            code="CF-5625",
        ) from unusable
    return context
