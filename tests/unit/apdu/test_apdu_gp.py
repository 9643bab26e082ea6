"""GlobalPlatform commands to the byte, parsers against dumps of real cards, CAP files made here."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from cardfab.apdu import (
    ApduMalformed,
    CardAnswered,
    CardAnswerMalformed,
    CommandApdu,
    Exchange,
    ReplayConnection,
    TlvError,
    drive,
    gp,
    link_to,
)
from cardfab.apdu.gp.store import store_p1

h = bytes.fromhex
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "globalplatform.json").read_text())
CARDS = VECTORS["card_production_life_cycle"]
AID, MODULE, APPLET, DOMAIN = h("A00000006203"), h("A0000000620301"), h("A000000062030101"), h("A000000151000000")


def replayed(exchange: Exchange[Any], *lines: str) -> Any:
    card = ReplayConnection.of_text("\n".join(["! 3B00", *lines]))
    result = drive(exchange, link_to(card))
    card.finish()
    return result


@pytest.mark.parametrize("v", CARDS["cplc"], ids=lambda v: v["name"])
def test_cplc_of_real_cards(v: dict[str, Any]) -> None:
    e = v["expected"]
    cplc = gp.parse_cplc(h(v["raw"]))
    assert gp.parse_cplc(h(v["raw"])[3:]) == cplc
    wanted = list(e.values())
    wanted[6:8] = [e["icSerialNumberHigh"] + e["icSerialNumberLow"]]
    assert [getattr(cplc, field.name).hex().upper() for field in fields(cplc)] == wanted
    assert [value for _, value in cplc.rows()] == wanted
    with pytest.raises(TlvError):
        gp.parse_cplc(h(v["raw"])[:-1])


@pytest.mark.parametrize("v", CARDS["card_recognition"], ids=lambda v: v["name"])
def test_card_recognition_of_real_cards(v: dict[str, Any]) -> None:
    e = v["expected"]
    found = gp.parse_card_recognition(h(v["raw"]))
    # Where the version has two arcs, the source takes the marker 2 before it along: "2.2.3" for 2.3 (GPC 2.3.1, H.2).
    assert found.version == {"2.2.3": "2.3"}.get(e["version"], e["version"])
    assert found.configuration == e.get("cardConfigurationDetailsOid", "")
    assert found.chip == e.get("cardChipDetailsOid", "")
    assert len(found.schemes) == int(e["scpLength"])
    for n, scheme in enumerate(found.schemes):
        assert scheme.scp == int(e[f"scp[{n}]"], 16)
        wanted = e.get(f"scpImplValue[{n}]", e[f"scpImpl[{n}]"])
        assert scheme.i == int(wanted, 16 if wanted.startswith("0x") else 10)


def test_key_information() -> None:
    basic = gp.parse_key_information(h("E012C00401FF8010C00402FF8010C00403FF8010"))
    assert [(k.key_id, k.version, k.components) for k in basic] == [(n, 0xFF, ((0x80, 16),)) for n in (1, 2, 3)]
    assert basic[0].words == "DES 16 bytes"
    rsa = gp.parse_key_information(h("C0060173A180A003"))
    assert rsa[0].components == ((0xA1, 128), (0xA0, 3))
    (extended,) = gp.parse_key_information(h("C00A0130FF8800200118010F"))
    assert (extended.components, extended.words) == (((0x88, 32),), "AES 32 bytes")
    for wrong in ("C00101", "C0040130FF88", "C0030130FF", "E003C00401"):
        with pytest.raises(TlvError):
            gp.parse_key_information(h(wrong))


def test_what_a_card_does_not_tell_is_none() -> None:
    assert replayed(gp.get_cplc(), "> 80CA9F7F00", "< 6A88") is None
    assert replayed(gp.get_key_information(), "> 80CA00E000", "< 6A88") is None
    assert replayed(gp.get_card_recognition(), "> 80CA006600", "< 6A88") is None
    keys = replayed(gp.get_key_information(), "> 80CA00E000", "< E006C00401FF8810 9000")
    assert keys[0].words == "AES 16 bytes"
    raw = CARDS["card_recognition"][0]["raw"]
    assert replayed(gp.get_card_recognition(), "> 80CA006600", f"< {raw} 9000").version == "2.3"
    with pytest.raises(CardAnswered):
        replayed(gp.get_cplc(), "> 80CA9F7F00", "< 6982")


def test_get_status_pages() -> None:
    first = "E3134F08A0000001510000009F700107C5039EFE80"
    second = "E3194F06A000000062039F700101CE02010084 07A0000000620301".replace(" ", "")
    (domain,) = replayed(gp.get_status(gp.Kind.DOMAIN), "> 80F28002024F0000", f"< {first} 9000")
    assert (domain.aid, domain.state_name, domain.privileges) == (DOMAIN, "INITIALIZED", h("9EFE80"))
    assert domain.privilege_names[:3] == ("security domain", "card lock", "card terminate")
    found = replayed(
        gp.get_status(gp.Kind.LOAD_FILE_AND_MODULES),
        "> 80F21002024F0000", f"< {second} 6310", "> 80F21003024F0000", f"< {second}{second} 9000",
    )  # fmt: skip
    assert len(found) == 3
    assert (found[0].aid, found[0].modules, found[0].version, found[0].state_name) == (
        AID,
        (MODULE,),
        h("0100"),
        "LOADED",
    )
    assert (
        replayed(gp.get_status(gp.Kind.APPLICATION, aid=AID), f"> 80F24002084F06{AID.hex().upper()}00", "< 6A88") == ()
    )
    with pytest.raises(TlvError):
        gp.parse_status(h("E3039F700107"), gp.Kind.DOMAIN)


def test_get_status_that_never_ends() -> None:
    exchange = gp.get_status(gp.Kind.APPLICATION)
    from cardfab.apdu import ResponseApdu
    from cardfab.apdu.status import StatusWord

    class Card:
        def send(self, command: CommandApdu) -> ResponseApdu:
            return ResponseApdu(b"", StatusWord(0x6310))

    with pytest.raises(CardAnswerMalformed):
        drive(exchange, Card())


def test_life_cycle_names() -> None:
    def name(kind: gp.Kind, state: int) -> str:
        return gp.RegistryEntry(kind, AID, state).state_name

    assert [name(gp.Kind.DOMAIN, s) for s in (1, 7, 0x0F, 0x7F, 0xFF, 5)] == [
        "OP_READY", "INITIALIZED", "SECURED", "CARD_LOCKED", "TERMINATED", "05",
    ]  # fmt: skip
    assert [name(gp.Kind.APPLICATION, s) for s in (3, 7, 0x0F, 0x83, 0x17, 1)] == [
        "INSTALLED", "SELECTABLE", "PERSONALIZED", "LOCKED", "SELECTABLE (17)", "01",
    ]  # fmt: skip
    assert name(gp.Kind.LOAD_FILE, 2) == "02"


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (gp.install_for_load(AID), "80E602000B 06A00000006203 00000000 00"),
        (gp.install_for_load(AID, domain=DOMAIN, digest=bytes(20), parameters=h("EF00")),
         "80E6020029 06A00000006203 08A000000151000000 14" + "00" * 20 + "02EF00 00 00"),
        (gp.install(AID, MODULE, APPLET),
         "80E60C001E 06A00000006203 07A0000000620301 08A000000062030101 0100 02C900 00 00"),
        (gp.install(AID, MODULE, APPLET, privileges=h("800000"), parameters=h("C90101"), selectable=False),
         "80E6040021 06A00000006203 07A0000000620301 08A000000062030101 03800000 03C90101 00 00"),
        (gp.make_selectable(APPLET), "80E608000F 00 00 08A000000062030101 0100 00 00 00"),
        (gp.install_for_personalization(APPLET), "80E620000E 00 00 08A000000062030101 00 00 00 00"),
        (gp.extradite(APPLET, DOMAIN), "80E6100016 08A000000151000000 00 08A000000062030101 00 00 00 00"),
        (gp.update_registry(APPLET, privileges=h("04")), "80E640000F 00 00 08A000000062030101 0104 00 00 00"),
        (gp.delete(AID), "80E4000008 4F06A00000006203 00"),
        (gp.delete(AID, related=True), "80E4008008 4F06A00000006203 00"),
        (gp.delete(AID, token=h("AABB")), "80E400000C 4F06A00000006203 9E02AABB 00"),
        (gp.delete_key(version=0x20), "80E4000003 D20120 00"),
        (gp.delete_key(key_id=1, version=0x20), "80E4000006 D00101 D20120 00"),
        (gp.set_status(0x40, 0x83, APPLET), "80F0408308 A000000062030101"),
    ],
)  # fmt: skip
def test_commands_to_the_byte(command: CommandApdu, wanted: str) -> None:
    assert command.to_bytes() == h(wanted)


def test_long_install_parameters_have_a_long_length() -> None:
    command = gp.install(AID, MODULE, APPLET, parameters=bytes(0x90))
    assert h("8190") + bytes(0x90) in command.data


@pytest.mark.parametrize(
    "call",
    [
        lambda: gp.delete(bytes(4)),
        lambda: gp.delete_key(),
        lambda: gp.install(AID, MODULE, bytes(17)),
        lambda: gp.install(AID, MODULE, APPLET, privileges=bytes(2)),
        lambda: gp.set_status(0x40, 7, b""),
        lambda: gp.load_blocks(bytes(300), 0),
        lambda: gp.load_blocks(bytes(300), 1),
        lambda: gp.store_blocks([b""], 10),
        lambda: gp.store_blocks([bytes(300)], 1),
    ],
)
def test_what_is_refused_before_a_card_sees_it(call: Callable[[], object]) -> None:
    with pytest.raises(ApduMalformed):
        call()


def component(tag: int, body: bytes) -> bytes:
    return bytes([tag]) + len(body).to_bytes(2, "big") + body


HEADER = component(1, h("DECAFFED") + h("0102 04 0301") + bytes([len(AID)]) + AID)
APPLETS = component(3, b"\x01" + bytes([len(MODULE)]) + MODULE + h("0008"))
PARTS = {
    "Method": component(7, b"method"), "Header": HEADER, "Applet": APPLETS, "Class": component(6, b"class"),
    "ConstantPool": component(5, b"pool"), "Directory": component(2, b"dir"), "Descriptor": component(11, b"desc"),
    "Debug": component(12, b"debug"),
}  # fmt: skip


def cap(parts: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
        for name, part in parts.items():
            archive.writestr(f"org/example/javacard/{name}.cap", part)
    return out.getvalue()


def test_a_cap_file_is_read_in_the_order_of_the_standard() -> None:
    found = gp.read_cap(cap(PARTS))
    assert (found.aid, found.applets, found.version) == (AID, (MODULE,), (1, 3))
    order = ("Header", "Directory", "Applet", "Class", "Method", "ConstantPool")
    assert found.code == b"".join(PARTS[name] for name in order)
    assert gp.read_cap(cap(PARTS), descriptor=True).code == found.code + PARTS["Descriptor"]


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"PK", cap({}), cap({**PARTS, "Header": HEADER[:-1]}), cap({**PARTS, "Header": component(1, b"x" * 20)}),
        cap({**PARTS, "Applet": component(3, b"\x02" + bytes([len(MODULE)]) + MODULE)}),
        cap({**PARTS, "Class": bytes((1 << 20) + 1)}), cap(PARTS)[:-40],
        bytes(b ^ (0x55 if 0x80 < n < 0x90 else 0) for n, b in enumerate(cap(PARTS))),
    ],
)  # fmt: skip
def test_files_that_are_no_cap_files(raw: bytes) -> None:
    with pytest.raises(gp.CapMalformed):
        gp.read_cap(raw)


def test_load_in_blocks_with_a_dap() -> None:
    code = bytes(range(256)) * 2
    blocks = gp.load_blocks(code, 200, daps=[gp.DapBlock(DOMAIN, b"s" * 8)])
    joined = b"".join(block.data for block in blocks)
    assert joined == h("E214 4F08A000000151000000 C308") + b"s" * 8 + h("C4820200") + code
    assert [(block.p1, block.p2) for block in blocks] == [(0, 0), (0, 1), (0x80, 2)]
    lines = [
        line for block in gp.load_blocks(b"abc", 3) for line in (f"> {block.to_bytes().hex().upper()}", "< 00 9000")
    ]
    assert replayed(gp.load(b"abc", 3), *lines) == b"\x00"


@dataclass(frozen=True)
class Block:
    type: int
    ciphertext: bytes
    length: int
    kcv: bytes


DES = Block(0x80, bytes(16), 16, h("AABBCC"))
AES128, AES192 = Block(0x88, bytes(16), 16, h("010203")), Block(0x88, bytes(32), 24, h("040506"))


def test_put_key_in_every_encoding() -> None:
    body = bytes(16).hex()
    assert gp.put_key([DES] * 3, 0x21).to_bytes() == h("80D8008143 21" + ("8010" + body + "03AABBCC") * 3 + "00")
    assert gp.put_key([AES128], 0x31, replaces=0x30).data == h("31 88 11 10" + body + "03010203")
    assert gp.put_key([AES128], 0x31, form=gp.AesForm.BARE).data == h("31 88 10" + body + "03010203")
    assert gp.put_key([AES192], 0x31, key_id=2).data == h("31 88 21 18" + body * 2 + "03040506")
    command = gp.put_key([AES128], 0x31, replaces=0x30, key_id=2)
    assert (command.p1, command.p2, command.secret) == (0x30, 0x02, True)
    for wrong in (
        lambda: gp.put_key([AES192], 0x31, form=gp.AesForm.BARE),
        lambda: gp.put_key([], 0x31),
        lambda: gp.put_key([DES], 0x80),
        lambda: gp.put_key([DES], 0),
    ):
        with pytest.raises(ApduMalformed):
            wrong()


def test_put_key_compares_check_values() -> None:
    sent = f"> {gp.put_key([DES] * 3, 0x21).to_bytes().hex().upper()}"
    right = "21" + "AABBCC" * 3
    assert replayed(gp.put_keys([DES] * 3, 0x21), sent, f"< {right} 9000") is True
    assert replayed(gp.put_keys([DES] * 3, 0x21), sent, "< 21 9000") is False
    for wrong in ("21" + "AABBCC" * 2 + "AABBCD", "22" + "AABBCC" * 3, "21AABBCC"):
        with pytest.raises(gp.KeysNotTaken):
            replayed(gp.put_keys([DES] * 3, 0x21), sent, f"< {wrong} 9000")


def test_store_data_in_every_form() -> None:
    seen = {
        store_p1(last=last, structure=structure, encryption=encryption, answers=answers)
        for last in (False, True)
        for structure in gp.Structure
        for encryption in gp.Encryption
        for answers in (False, True)
    }
    assert len(seen) == 36
    assert store_p1(last=True, structure=gp.Structure.DGI) == 0x88
    blocks = gp.store_blocks([b"abcde", b"fg"], 3, structure=gp.Structure.BER_TLV, answers=True)
    assert [(b.p1, b.p2, b.data, b.ne) for b in blocks] == [
        (0x11, 0, b"abc", 256), (0x11, 1, b"de", 256), (0x91, 2, b"fg", 256),
    ]  # fmt: skip
    many = gp.store_blocks([bytes(300)], 1, wraps=True)
    assert (many[256].p2, many[299].p2, many[299].p1) == (0, 43, 0x80)
