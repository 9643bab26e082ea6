"""The host of the settings: which adapter it becomes, what is refused, TLS of both sides, the commands and the page."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cardfab.cli import wiring
from cardfab.cli.issuerhost import credentials_of, issuer_of, keep_credentials
from cardfab.errors import CardfabError
from cardfab.settings import Located, read_settings
from cardfab.simulator.host import Books, Mood, TrainingHost
from cardfab.simulator.host.control import ControlServer, command
from cardfab.simulator.host.jsonface import PUBLIC, FileServer, JsonFace
from cardfab.simulator.host.soapface import SoapFace
from cardfab.simulator.host.web import Face, TlsFiles, WebServer
from cardfab.simulator.host.xmlface import XmlFace
from cardfab.station.desk import Desk
from cardfab.station.host import Call, Done, IssuerHost, Operation, Reply, Unknown
from cardfab.station.hosts.https import Certificates, LineRefused, Post
from cardfab.station.hosts.signed import HOST_KEY
from tests.integration.conftest import World

HOLDER = {"number": "440101199003071234", "name": "样卡"}


def settings(station: World, host: str, **issuer: str) -> Located:
    text = station.config.read_text(encoding="utf-8").replace('host = "simulated"', f'host = "{host}"')
    text += "\n[issuer]\n" + "".join(f'{name} = "{value}"\n' for name, value in issuer.items())
    station.config.write_text(text, encoding="utf-8")
    return read_settings((station.config,))


def ask(host: IssuerHost | None, operation: Operation = Operation.PERSON) -> Reply:
    assert host is not None
    return host.ask(Call("r1", operation, "s", "li", "2026-11-22T09:00:00.000+00:00", HOLDER))


def books() -> TrainingHost:
    host = TrainingHost(Books())
    host.books.person(HOLDER["number"], HOLDER["name"])
    return host


@contextmanager
def at(located: Located) -> Iterator[Desk]:
    with wiring.open_desk(located, login="trainee") as desk:
        yield desk


class Pki:
    """An authority of the test and certificates of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
        whole = self._signed(self._name, self._key.public_key(), ca=True)
        self.authority = folder / "authority.pem"
        self.authority.write_bytes(whole.public_bytes(Encoding.PEM))

    def issue(self, name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        made = self._signed(subject, key.public_key(), ca=False)
        certificate, private = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(made.public_bytes(Encoding.PEM))
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        private.chmod(0o600)
        return certificate, private

    def _signed(self, subject: x509.Name, public: ec.EllipticCurvePublicKey, *, ca: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder(self._name, subject, public, x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(identifier, critical=False)
            .add_extension(names, critical=False)
            .sign(self._key, SHA256())
        )


def test_every_family_by_its_address(station: World, tmp_path: Path) -> None:
    faces: list[tuple[str, Face]] = [("soap+", SoapFace(books())), ("xml+", XmlFace(books()))]
    for prefix, face in faces:
        with WebServer(face) as server:
            text = station.config.read_text(encoding="utf-8")
            with at(settings(station, f"{prefix}http://127.0.0.1:{server.port}/host")) as desk:
                assert isinstance(ask(issuer_of(read_settings((station.config,)), desk)), Done)
            station.config.write_text(text, encoding="utf-8")
    located = settings(station, "file:exchange", public_key=PUBLIC.hex())
    with at(located) as desk:
        face_of = JsonFace(books(), desk.keys.public(HOST_KEY))
        with FileServer(face_of, located.path("exchange")):
            assert isinstance(ask(issuer_of(located, desk)), Done)


def test_signed_json_over_tls_with_certificates_of_both_sides(station: World, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    pki, other = Pki(tmp_path), Pki(tmp_path / "other")
    host, outlet, stranger = pki.issue("host"), pki.issue("outlet"), other.issue("stranger")
    with wiring.open_desk(read_settings((station.config,)), login="trainee") as desk:
        key = desk.keys.public(HOST_KEY)
    tls = TlsFiles(host[0], host[1], pki.authority)
    with WebServer(JsonFace(books(), key), tls=tls) as server:
        url = f"https://127.0.0.1:{server.port}/host"
        given = {"trust": str(pki.authority), "client": str(outlet[0]), "client_key": str(outlet[1])}
        located = settings(station, url, public_key=PUBLIC.hex(), **given)
        with at(located) as desk:
            assert isinstance(ask(issuer_of(located, desk)), Done)

        def post(certificates: Certificates) -> Post:
            return Post.at(url, certificates, training=True, seconds=5, longest=1 << 20)

        with pytest.raises((ssl.SSLError, ConnectionError)):
            post(Certificates(pki.authority, *stranger))(b"{}", {})
        with pytest.raises((ssl.SSLError, ConnectionError)):
            post(Certificates(pki.authority))(b"{}", {})
        with pytest.raises(ConnectionError):
            post(Certificates(other.authority, *outlet))(b"{}", {})
        assert post(Certificates(pki.authority, *outlet)).context is not None
        context = post(Certificates(pki.authority, *outlet)).context
        assert isinstance(context, ssl.SSLContext)
        assert context.check_hostname
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_an_answer_without_an_end_is_cut(station: World) -> None:
    def endless(_headers: object, _body: bytes) -> object:
        from cardfab.simulator.host.web import Page

        return Page(b"x" * 100_000)

    with WebServer(endless) as server:  # type: ignore[arg-type]
        post = Post.at(f"http://127.0.0.1:{server.port}/", Certificates(), training=True, seconds=5, longest=5000)
        with pytest.raises(ConnectionAbortedError):
            post(b"", {})


@pytest.mark.parametrize(
    ("url", "training", "code"),
    [
        ("http://host/x", False, "CF-5622"), ("https://host/x", False, "CF-5623"),
        ("https://u:p@host/x", True, "CF-5621"),
        ("https://host/x?id=1", True, "CF-5621"), ("https://", True, "CF-5621"), ("ftp://host/", True, "CF-5621"),
        ("https://host:x/", True, "CF-5621"),
    ],
)  # fmt: skip
def test_a_line_that_may_not_be_used(url: str, training: bool, code: str) -> None:
    with pytest.raises(LineRefused) as refused:
        Post.at(url, Certificates(), training=training, seconds=1, longest=1024)
    assert refused.value.code == code


def test_a_private_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    certificate, key = Pki(tmp_path).issue("outlet")
    key.chmod(0o640)
    with pytest.raises(LineRefused) as refused:
        Post.at("https://h/", Certificates(None, certificate, key), training=True, seconds=1, longest=1024)
    assert refused.value.code == "CF-5624"


NO_HOST: tuple[tuple[str, dict[str, str], str], ...] = (
    ("https://127.0.0.1:1/x", {}, "CF-5627"),
    ("file:x", {}, "CF-5627"),
    ("soap+http://127.0.0.1:1/x", {"profile": "proxy-shandong"}, "CF-5626"),
    ("xml+http://127.0.0.1:1/x", {"profile": "none"}, "CF-3200"),
    ("https://127.0.0.1:1/x", {"trust": "none.pem", "public_key": "04" + "00" * 64}, "CF-5625"),
)


def test_settings_that_give_no_host(station: World) -> None:
    text = station.config.read_text(encoding="utf-8")
    with at(read_settings((station.config,))) as desk:
        for host, issuer, code in NO_HOST:
            station.config.write_text(text, encoding="utf-8")
            located = settings(station, host, **issuer)
            with pytest.raises(CardfabError) as refused:
                issuer_of(located, desk)
            assert refused.value.code == code, host


def test_credentials_are_sealed_and_never_shown(station: World) -> None:
    located = read_settings((station.config,))
    with at(located) as desk:
        assert credentials_of(located, desk).user == "training"
        file = keep_credentials(located, desk, "outlet-7", "word-of-the-outlet", "licence-7")
        assert b"word-of-the-outlet" not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0
        found = credentials_of(located, desk)
        assert (found.user, found.password, found.licence) == ("outlet-7", "word-of-the-outlet", "licence-7")
        assert "word" not in repr(found)
        file.write_text("{}", encoding="utf-8")
        with pytest.raises(LineRefused) as refused:
            credentials_of(located, desk)
    assert refused.value.code == "CF-5619"


@pytest.mark.proof
def test_the_commands(station: World) -> None:
    assert station.cli("--json", "host", "queue").json() == {
        "waiting": 0, "refused": 0, "oldest_seconds": 0, "entries": [],
    }  # fmt: skip
    assert station.cli("--json", "host", "send").json() == {"done": 0, "refused": 0, "waiting": 0}
    status = station.cli("--json", "host", "status").json()
    assert (status["host"], status["answers"]) == ("simulated", True)
    assert station.cli("host", "settle", "1", "--reason", "x").exit == 7
    reading, writing = os.pipe()
    os.write(writing, b"user\nword\nlicence\n")
    os.close(writing)
    assert station.cli("host", "credentials", "--fd", str(reading)).exit == 0
    os.close(reading)
    settings(station, "xml+http://127.0.0.1:1/x")
    away = station.cli("--json", "host", "status").json()
    assert away["answers"] is False
    assert "wire/parameters" in away["unverified"]


def test_the_control_line() -> None:
    host = books()
    with ControlServer(host) as server:
        import socket

        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line, line.makefile("rw") as talk:
            for said, answer in (("play person=busy:1", "ok"), ("play x", "no"), ("lock 2", "ok"), ("nonsense", "no")):
                print(said, file=talk, flush=True)
                assert talk.readline().strip() == answer
    assert host.ask("", "person", dict(HOLDER)) == {
        "request_id": "", "outcome": "refused", "code": "busy", "raw": "T-busy",
    }  # fmt: skip
    for said in ("seconds 0", "after reserve", f"name {HOLDER['number']} 别人", f"dead {HOLDER['number']}", "calm"):
        assert command(host, said) == "ok", said
    assert command(host, "state none normal") == "no"
    assert command(host, "heard") == "person"
    answer = host.ask("", "person", {"number": HOLDER["number"], "name": "别人"})
    assert answer is not None
    assert answer["code"] == "dead"


def test_a_host_that_answers_with_html_is_unknown(station: World) -> None:
    def page(_headers: object, _body: bytes) -> object:
        from cardfab.simulator.host.web import Page

        return Page(b"<html>Welcome</html>", {}, 200)

    with WebServer(page) as server:  # type: ignore[arg-type]
        for prefix in ("soap+", "xml+"):
            text = station.config.read_text(encoding="utf-8")
            located = settings(station, f"{prefix}http://127.0.0.1:{server.port}/x")
            with at(located) as desk:
                assert isinstance(ask(issuer_of(located, desk)), Unknown)
            station.config.write_text(text, encoding="utf-8")


def test_a_mood_that_is_none() -> None:
    with pytest.raises(ValueError, match="x"):
        Mood.of(["x"])
