"""The PKI application of a third-generation card: keys, PINs, certificates, what is closed after issue."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cardfab.crypto import Algorithm, encrypt_ecb
from cardfab.crypto.sm import sm2_digest, sm2_encrypt, sm2_verify, sm3
from cardfab.simulator.ca import TrainingCa
from cardfab.simulator.chip import TrainingChip, crypt, make_blank, pki, training_root

if TYPE_CHECKING:
    from conftest import Host

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DDF = "00A404000C504B492EC9E7BBE1B1A3D5CF"
ADF = "00A404000C53532E434552542E41444631"
USER_PIN = bytes.fromhex("123456")


class Writer:
    """A card writer at one card."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.manager = pki.manager_pin(self.key("ss/PKI/MANAGER-TRANSPORT"))

    def key(self, label: str) -> bytes:
        return crypt.card_key(Algorithm.SM4, training_root(label), "440199", self.host.chip.atr[4:])

    def select(self) -> Writer:
        self.host.ok(DDF)
        self.host.ok(ADF)
        return self

    def verify(self, p2: str, pin: bytes) -> str:
        proof = encrypt_ecb(Algorithm.SM4, sm3(pin)[:16], self.host.challenge(16))
        return self.host.sw(f"002001{p2}10" + proof.hex())

    def user(self, pin: bytes = USER_PIN) -> str:
        return self.verify("81", pin)

    def managed(self) -> str:
        return self.verify("00", self.manager)

    def line(self, header: str, key: bytes, value: bytes) -> str:
        plain = crypt.padded(bytes((len(value),)) + value, 16)
        challenge = self.host.challenge(16)
        secret = encrypt_ecb(Algorithm.SM4, key, plain)
        head = bytes.fromhex(header) + bytes((len(secret) + 4,)) + secret
        return (head + crypt.load_mac(Algorithm.SM4, key, challenge, head)).hex()

    def replace_master(self, old: bytes, new: bytes) -> str:
        proof = encrypt_ecb(Algorithm.SM4, old, self.host.challenge(16))
        answer = self.host.sw("0082000010" + proof.hex())
        if answer != "9000":
            return answer
        apdu = self.line("84D40100", old, bytes(3) + new)
        assert apdu.startswith("84d4010024")  # as card writers send it
        return self.host.sw(apdu)

    def public(self, fid: str = "0012") -> bytes:
        self.host.ok(f"00A4000002{fid}")
        answer = bytes.fromhex(self.host.ok("00B0000042"))
        assert answer[:2] == b"\x00\x40"
        return answer[2:]

    def write(self, fid: str, content: bytes) -> None:
        self.host.ok(f"00A4000002{fid}")
        for at in range(0, len(content), 0x70):
            part = content[at : at + 0x70]
            self.host.ok(f"00D6{at:04X}{len(part):02X}{part.hex()}")

    def read(self, fid: str) -> bytes:
        self.host.ok(f"00A4000002{fid}")
        return b"".join(bytes.fromhex(self.host.ok(f"00B0{at:04X}80")) for at in range(0, 0x400, 0x80))

    def bring_key(self, ca: TrainingCa) -> bytes:
        """The encryption key, as the facts print it; answers its public half."""
        key = ca.encryption_key(self.public())
        session = self.host.ok("804E000178C2020013C1820070" + key.envelope.hex())
        assert len(session) == 32
        self.host.ok("804A021012C110" + session)
        self.host.ok("80C2400046C0020014CA40" + key.public.hex())
        self.host.ok("80C2C00126C2020015CB20" + key.private.hex())
        return key.public


@pytest.fixture
def writer(make_host: Callable[..., Host]) -> Writer:
    return Writer(make_host(version="3.0", algorithm="SM4")).select()


def test_selection(writer: Writer, make_host: Callable[..., Host]) -> None:
    host = writer.host
    assert host.ok(DDF) == "6F14840C504B492EC9E7BBE1B1A3D5CF7304920233" + "30"
    assert host.ok(ADF) == "6F0E840C53532E434552542E41444631"
    assert host.sw("00A4000002EF05") == "6A82"
    assert host.ok("00A40000023F00") == ""  # back on the social side
    assert host.sw("00A40000020012") == "6A82"
    assert make_host().sw(DDF) == "6A82"  # a card of the second generation has none
    assert writer.select().host.sw("80C9820000") == "6D00"
    assert host.sw("8020018110" + "00" * 16) == "6E00"


def test_the_whole_issue_of_a_card(writer: Writer) -> None:
    """What a card writer sends, from the public key to the replaced master keys; then both keys are shown to work."""
    host, ca = writer.host, TrainingCa()
    assert host.ok("80C4010305C10312345600")[:32] == "3DE741F445DD357BEA4E6C3FE6437036"  # published
    assert (writer.user(), writer.managed()) == ("9000", "9000")
    signing = writer.public()
    secret = writer.bring_key(ca)
    person = {"name": "样卡甲", "number": "A12345671"}
    certificates = {
        "0018": ca.issue(signing, **person, usage="signing", now=NOW),
        "0019": ca.issue(secret, **person, usage="encryption", now=NOW),
    }
    for fid, certificate in certificates.items():
        writer.write(fid, certificate)
    old, new = writer.manager, pki.manager_pin(writer.key("ss/PKI/MANAGER"))
    change = writer.line("845E0100", sm3(old)[:16], new)
    assert change.startswith("845e010014")
    assert host.sw(change) == "9000"
    keys = writer.key("ss/PKI/MK-TRANSPORT"), writer.key("ss/PKI/MK")
    assert writer.replace_master(*keys) == "9000"
    host.ok(DDF)
    assert writer.replace_master(*keys) == "9000"

    host.chip.power_on()
    writer.select()
    assert ca.verify(writer.read("0018"), usage="signing", now=NOW) == writer.public()
    assert ca.verify(writer.read("0019"), usage="encryption", now=NOW) == writer.public("0014") == secret
    digest = sm2_digest(signing, b"receipt")
    assert host.sw("002A9E9A20" + digest.hex() + "00") == "6982"
    assert writer.user() == "9000"
    assert sm2_verify(signing, b"receipt", bytes.fromhex(host.ok("002A9E9A20" + digest.hex() + "00")))
    letter = sm2_encrypt(secret, b"for the holder", host.chip._pki.entropy)[1:]
    data = "C2020015C1" + f"{len(letter):02X}" + letter.hex()
    assert host.ok(f"804E0001{len(data) // 2:02X}{data}00") == b"for the holder".hex().upper()

    # After issue the old PIN and the old keys are gone, the keys stay, certificates may be renewed.
    assert writer.managed() == "63C5"
    writer.manager = new
    assert writer.managed() == "9000"
    assert host.sw("8040000008C0020012C2020013") == "6985"
    assert host.sw("80C2400046C0020014CA40" + signing.hex()) == "6985"
    writer.write("0018", certificates["0018"])
    assert writer.replace_master(*keys) == "63C5"


def test_rights(writer: Writer) -> None:
    host, ca = writer.host, TrainingCa()
    envelope = ca.encryption_key(writer.public()).envelope.hex()
    generate, import_public = "8040000008C0020012C2020013", "80C2400046C0020014CA40" + "11" * 64
    for sent in (generate, import_public, "804A021012C110" + "00" * 16, "804E000178C2020013C1820070" + envelope):
        assert host.sw(sent) == "6982"
    host.ok("00A40000020018")
    assert host.sw("00D600000100") == "6982"
    assert host.sw("84D4010024" + "00" * 36) == "6982"
    assert host.sw("845E010014" + "00" * 20) == "6982"
    for fid in ("0013", "0015"):
        host.ok(f"00A4000002{fid}")
        assert host.sw("00B0000020") == "6982"
    host.ok("00A40000020012")
    assert host.sw("00D600000100") == "6982"
    assert writer.user() == "9000"
    assert host.sw(generate) == "6982"  # the manager too
    assert writer.managed() == "9000"
    host.ok("00A40000020012")
    assert host.sw("00D600000100") == "6982"  # nobody writes a public key
    before = writer.public()
    assert host.sw(generate) == "9000"
    assert writer.public() != before
    host.ok(ADF)
    assert host.sw(generate) == "9000"  # selected again, it stays current
    host.ok(DDF)
    host.ok(ADF)
    assert host.sw(generate) == "6982"
    assert host.sw("00200181") == "63C6"
    host.ok(DDF)
    assert host.sw("0020018110" + "00" * 16) == "6985"


def test_tries(writer: Writer) -> None:
    host = writer.host
    assert host.sw("0020018110" + "00" * 16) == "6984"
    assert [writer.user(b"\x99") for _ in range(6)] == ["63C5", "63C4", "63C3", "63C2", "63C1", "63C0"]
    assert (writer.user(), host.sw("00200181")) == ("6983", "6983")
    assert writer.managed() == "9000"
    change = writer.line("845E0281", sm3(writer.manager)[:16], bytes.fromhex("654321"))
    assert host.sw(change) == "9000"  # the manager gives a new PIN
    assert writer.user(bytes.fromhex("654321")) == "9000"
    change = writer.line("845E0181", sm3(bytes.fromhex("654321"))[:16], bytes.fromhex("1234567F"))
    assert host.sw(change) == "9000"
    assert writer.user(bytes.fromhex("1234567F")) == "9000"
    change = writer.line("845E0181", sm3(bytes.fromhex("1234567F"))[:16], b"\x12")
    assert host.sw(change) == "6A80"


def test_a_key_that_does_not_fit_is_refused(writer: Writer) -> None:
    host, ca = writer.host, TrainingCa()
    assert (writer.user(), writer.managed()) == ("9000", "9000")
    key, other = ca.encryption_key(writer.public()), ca.encryption_key(writer.public())
    session = host.ok("804E000178C2020013C1820070" + key.envelope.hex())
    assert host.sw("804E000178C2020013C1820070" + key.envelope[:-1].hex() + "00") == "6A80"
    private = "80C2C00126C2020015CB20"
    assert host.sw(private + key.private.hex()) == "6985"  # no session key
    host.ok("804A021012C110" + session)
    assert host.sw(private + key.private.hex()) == "6A80"  # no public key
    host.ok("80C2400046C0020014CA40" + key.public.hex())
    assert host.sw(private + other.private.hex()) == "6A80"
    host.ok(private + key.private.hex())
    assert host.sw(private + key.private.hex()) == "6985"  # the session key serves once
    host.ok("80C2400046C0020014CA40" + other.public.hex())
    letter = "C2020015C170" + key.envelope.hex()
    assert host.sw(f"804E0001{len(letter) // 2:02X}{letter}") == "6A88"  # the private key of another pair went
    for wrong in ("804A021012C210" + session, "804A021011C110" + session[2:], "804A021003C110"):
        assert host.sw(wrong) in ("6A80", "6700")


def test_the_mac_counts(writer: Writer) -> None:
    host = writer.host
    assert writer.managed() == "9000"
    good = writer.line("845E0100", sm3(writer.manager)[:16], bytes.fromhex("87654321"))
    assert host.sw(good[:-2] + f"{int(good[-2:], 16) ^ 1:02X}") == "6988"
    assert host.sw(good) == "6984"  # the challenge was spent
    wrong = writer.line("845E0100", sm3(b"\x00\x00")[:16], bytes.fromhex("87654321"))
    assert host.sw(wrong) == "6988"


def test_a_cut_changes_all_or_nothing(writer: Writer) -> None:
    host = writer.host
    new = bytes.fromhex("87654321")
    for write, keeps in ((1, False), (1, True)):
        frozen: TrainingChip = pickle.loads(pickle.dumps(host.chip))  # noqa: S301
        frozen.power_on()
        one = Writer(type(host)(frozen)).select()
        assert one.managed() == "9000"
        change = bytes.fromhex(one.line("845E0100", sm3(one.manager)[:16], new))
        frozen.memory.tear_keeps, frozen.tear_after = keeps, write
        assert frozen.transmit(change) == b""
        frozen.power_on()
        one.select()
        one.manager = new if keeps else one.manager
        assert one.managed() == "9000"


def test_no_key_is_shown(writer: Writer) -> None:
    shown = str(writer.host.chip.inspect())
    for fid in ("0013", "0015"):
        assert f"pki/{fid}" not in shown
    blank = make_blank(serial=2, version="3.0", algorithm="SM4")
    assert blank.inspect()["pki/0012"] != writer.host.chip.inspect()["pki/0012"]
