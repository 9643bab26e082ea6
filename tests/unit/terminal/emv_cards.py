"""A scripted card for the proof terminal: it answers exactly the commands of a sample card's transaction, 6D00 else."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from cardfab.apdu.link import drive, link_to
from cardfab.apdu.tlv import Tlv
from cardfab.crypto.rsa import RsaPublic
from cardfab.keys import KeySpec, Level, SoftKeyStore, Usage, held
from cardfab.keys.certificates import PublicKey
from cardfab.profile.financial import FinancialApplication
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders, data_folder
from cardfab.terminal.emv import Deal, EmvReport, EmvTerminal, Holder, IssuerHost, KeyHost, Kind, contact, contactless

VECTORS = Path(__file__).parents[2] / "vectors" / "pboc-debit-products.json"
RID = "A000000333"
PRODUCTS = {"debit-contact-rsa": "pboc-debit-contact-rsa", "debit-dual-rsa": "pboc-debit-dual",
            "debit-dual-sm2": "pboc-debit-dual-sm2"}  # fmt: skip
PLAIN_GPO_AT = datetime(2026, 1, 15, 10, 11, 12)
BRINGS_NO_PIN = bytes.fromhex("E0B8C8")
"""Terminal capabilities without on-line PIN, as the samples' tag 95 supposes."""


@cache
def sample(name: str) -> dict[str, Any]:
    products = json.loads(VECTORS.read_text(encoding="utf-8"))["products"]
    found: dict[str, Any] = next(one for one in products if one["id"] == name)
    return found


@cache
def application(name: str) -> FinancialApplication:
    return load(ProfileFolders((data_folder("profiles"),)), "applications", PRODUCTS[name], FinancialApplication)


def authorities(product: dict[str, Any]) -> dict[bytes, PublicKey]:
    """The authority's keys that a terminal needs for this card."""
    keys = product["keys"]
    found: dict[bytes, PublicKey] = {
        bytes.fromhex(RID + keys["ca"]["index"]): RsaPublic(
            bytes.fromhex(keys["ca"]["modulus"]), bytes.fromhex(keys["ca"]["exponent"])
        )
    }
    if "sm2" in keys:
        found[bytes.fromhex(RID + keys["sm2"]["ca"]["index"])] = bytes.fromhex(keys["sm2"]["ca"]["xy"])
    return found


@cache
def issuer_store() -> SoftKeyStore:
    """A training store that holds the samples' issuer master keys."""
    store = SoftKeyStore.training(secrets.token_bytes)
    keys = sample("debit-dual-sm2")["keys"]
    for algorithm, folder, given in (("3DES", "bank", keys["imk_3des"]), ("SM4", "bank/SM4", keys["imk_sm4"])):
        for name, of in (("AC", "AC"), ("SMI", "MAC"), ("SMC", "ENC")):
            spec = KeySpec(f"{folder}/IMK-{name}", algorithm, Usage.EMV_ROOT, Level.BANK)
            store._held[spec.label] = held.hold(spec, bytes.fromhex(given[of]), training=True)
    return store


def host_of(name: str, **more: Any) -> KeyHost:
    return KeyHost(issuer_store(), application(name), **more)


@dataclass
class ScriptedCard:
    """Answers by the whole command in hex; ``directory`` are those while the environment is selected."""

    answers: dict[str, str]
    directory: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    _in_directory: bool = False

    def atr(self) -> bytes:
        return b"\x3b\x00"

    def reset(self) -> bytes:
        return self.atr()

    def close(self) -> None:
        pass

    def transmit(self, apdu: bytes) -> bytes:
        command = apdu.hex().upper()
        self.log.append(command)
        if command.startswith("00A404"):
            self._in_directory = command[10:-2] in (b"1PAY.SYS.DDF01".hex().upper(), b"2PAY.SYS.DDF01".hex().upper())
            return bytes.fromhex(self.answers.get(command, "6A82"))
        return bytes.fromhex((self.directory if self._in_directory else self.answers).get(command, "6D00"))


def _select(name: bytes) -> str:
    return f"00A40400{len(name):02X}{name.hex().upper()}00"


def _fci(name: bytes, a5: str) -> str:
    return Tlv(0x6F, Tlv(0x84, name).to_bytes() + bytes.fromhex(a5)).to_bytes().hex().upper()


def card_of(product: dict[str, Any], transaction: dict[str, Any], *, environment: bool = True) -> ScriptedCard:
    """The card of one sample transaction. Records and options come from its data groupings."""
    plain = {one["dgi"]: one["plain"] for one in product["dgis"]}
    path = product["paths"][transaction["path"]]
    tapped = path["gpo_dgi"] in ("9207", "9208")
    aid = bytes.fromhex(product["card"]["aid"])
    answers = {_select(aid): _fci(aid, plain["9103" if tapped else "9102"]) + "9000"}
    name = b"2PAY.SYS.DDF01" if tapped else b"1PAY.SYS.DDF01"
    directory: dict[str, str] = {}
    if environment:
        given = dict(product["ppse" if tapped else "pse"]["dgis"])
        answers[_select(name)] = _fci(name, given["9102"]) + "9000"
        directory = {"00B2010C00": given.get("0101", "") + "9000", "00B2020C00": "6A83"}
    pdol = transaction["pdol_values"]
    command = f"80A80000{len(pdol) // 2 + 2:02X}83{len(pdol) // 2:02X}{pdol}00"
    answers[command] = transaction.get("gpo_response", path.get("gpo_response_format1", "")) + "9000"
    afl = bytes.fromhex(path["afl"])
    for at in range(0, len(afl), 4):
        for number in range(afl[at + 1], afl[at + 2] + 1):
            sfi = afl[at] >> 3
            answers[f"00B2{number:02X}{sfi << 3 | 4:02X}00"] = plain[f"{sfi:02X}{number:02X}"] + "9000"
    if "last_record_returned" in transaction:
        answers[f"00B2{afl[-2]:02X}{afl[-4] | 4:02X}00"] = transaction["last_record_returned"] + "9000"
    if not tapped:
        answers |= _decisions(transaction)
    return ScriptedCard(answers, directory)


def _decisions(transaction: dict[str, Any]) -> dict[str, str]:
    first, second = transaction["cdol1_values"], transaction["cdol2_values"]
    authenticate = transaction["dda"]["internal_authenticate"]
    signature = Tlv(0x80, bytes.fromhex(transaction["dda"]["tag_9F4B"])).to_bytes().hex().upper()
    answers = {
        f"80AE8000{len(first) // 2:02X}{first}00": transaction["generate_ac1_response"] + "9000",
        f"80AE4000{len(second) // 2:02X}{second}00": transaction["generate_ac2_response"] + "9000",
        transaction["external_authenticate"]: "9000",
        f"{authenticate}00": f"{signature}9000",
        **{script["apdu"]: "9000" for name, script in transaction["scripts"].items() if name != "pin_change"},
        **{script["apdu"]: "9000" for script in transaction["scripts"]["pin_change"]},
    }
    if "cda_first" in transaction:
        answers[f"80AE9000{len(first) // 2:02X}{first}00"] = transaction["cda_first"]["generate_ac1_response"] + "9000"
    return answers


def deal_of(transaction: dict[str, Any]) -> Deal:
    given = transaction["terminal"]
    kind = Kind.OFFLINE if given.get("9F66", "").startswith("28") else Kind.PURCHASE
    return Deal(kind, int(given["9F02"]), PLAIN_GPO_AT, bytes.fromhex(given["9F37"]))


def terminal_of(product: dict[str, Any], transaction: dict[str, Any], **more: Any) -> EmvTerminal:
    given = transaction["terminal"]
    values: dict[str, Any] = {
        "sm": given.get("DF69") == "01",
        "capabilities": BRINGS_NO_PIN,
        "velocity": False,
        "qualifiers": bytes.fromhex(given.get("9F66", "00000080"))[3:],
        **more,
    }
    return EmvTerminal(authorities(product), **values)


def play(
    name: str,
    transaction: dict[str, Any],
    host: IssuerHost | None = None,
    *,
    card: ScriptedCard | None = None,
    holder: Holder | None = None,
    **terminal: Any,
) -> tuple[EmvReport, ScriptedCard]:
    """One sample transaction on its scripted card."""
    product = sample(name)
    card = card or card_of(product, transaction)
    tapped = product["paths"][transaction["path"]]["gpo_dgi"] in ("9207", "9208")
    run = contactless if tapped else contact
    exchange = run(terminal_of(product, transaction, **terminal), deal_of(transaction), holder or Holder(), host)
    return drive(exchange, link_to(card)), card
