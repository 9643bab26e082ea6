"""The three sample cards of the facts come out of preparation byte for byte, from the same inputs and choices.

Source: tests/vectors/pboc-debit-products.json. Random choices are given: the chip's keys by their primes, the nonces of
the SM2 signatures as they follow from the published private keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from cardfab.apdu.tlv import parse
from cardfab.keys import Sealed, SoftKeyStore
from cardfab.keys.certificates import IssuerCertificate
from cardfab.keys.issuerkeys import Filling, IccKey
from cardfab.prepare.financial import FinancialData, prepare_financial
from cardfab.prepare.financial.predicted import predicted_gpo
from cardfab.profile.financial import FinancialApplication
from cardfab.simulator import authority

PROFILES = {
    "debit-contact-rsa": "pboc-debit-contact-rsa",
    "debit-dual-rsa": "pboc-debit-dual",
    "debit-dual-sm2": "pboc-debit-dual-sm2",
}
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123


def _nonce(signature: bytes, d: int) -> bytes:
    """k = s (1 + d) + r d: what the signer of a sample drew."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    return ((s * (1 + d) + r * d) % N).to_bytes(32, "big")


def _sm_nonces(sample: dict[str, Any]) -> Iterator[bytes]:
    """Of 90, then of 93 and 9F46 of the contact path, then of the e-cash path: the order in which they are signed."""
    keys = sample["keys"].get("sm2")
    if keys is None:
        return
    dgis = {entry["dgi"]: bytes.fromhex(entry["plain"]) for entry in sample["dgis"]}
    ca, issuer = int(keys["ca"]["d"], 16), int(keys["issuer"]["d"], 16)
    for dgi, d in (("0801", ca), ("0802", issuer), ("0803", issuer), ("0902", issuer), ("0901", issuer)):
        yield _nonce(parse(dgis[dgi])[0].children[0].value[-64:], d)


class _Choices:
    """Random numbers: the nonces of the sample where 32 bytes are asked for and some are left, else any."""

    def __init__(self) -> None:
        self.nonces: list[bytes] = []

    def __call__(self, count: int) -> bytes:
        if count == 32 and self.nonces:
            return self.nonces.pop(0)
        return bytes(range(1, count + 1))


@pytest.fixture(params=sorted(PROFILES))
def sample(request: pytest.FixtureRequest, samples: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return samples[request.param]


def _prepared(
    sample: dict[str, Any], bank: Any, application: FinancialApplication
) -> tuple[dict[str, bytes], Any, SoftKeyStore]:
    choices = _Choices()
    imk = {f"bank/IMK-{name}": sample["keys"]["imk_3des"][part] for name, part in _ROLES}
    imk |= {f"bank/SM4/IMK-{name}": sample["keys"].get("imk_sm4", {}).get(part, "00" * 16) for name, part in _ROLES}
    store = bank(choices, {label: bytes.fromhex(value) for label, value in imk.items()})
    choices.nonces = list(_sm_nonces(sample))
    for label in filter(None, (application.issuer.rsa, application.issuer.sm2)):
        request = store.issuer_request(label, authority.RID, bytes.fromhex("629999FF"), bytes.fromhex("1234"), bytes(3))
        if isinstance(request.public, bytes):
            choices.nonces = list(_sm_nonces(sample))  # the request drew one
        made = authority.answer(request.public, request.proof, random=choices)
        store.import_certificate(label, _kept(made))
    icc = sample["keys"]["icc"]
    sealed = store.seal_primes_for_pool(int(icc["p"], 16), int(icc["q"], 16), int(icc["exponent"], 16))

    def take(bits: int, exponent: int, filling: Filling) -> IccKey:
        assert (bits, exponent) == (icc["bits"], int(icc["exponent"], 16))
        return store.icc_from_pool(sealed, filling)

    card, sm2 = sample["card"], sample["keys"].get("sm2")
    data = FinancialData(
        pan=card["pan"],
        effective=date(2026, 1, 1),
        expiry=date(2033, 12, 31),
        name=bytes.fromhex(card["name_hex"]),
        serial=0x000201,
        sm_serial=0x000401,
    )
    sm2_key = sm2 and store._icc_sm2(bytes.fromhex(sm2["icc"]["d"]), bytes.fromhex(sm2["icc"]["xy"]), "always80")
    prepared = prepare_financial(
        application, data, store, take_key=take, pin=bank.pin(store, card["pin"]), sm2_key=sm2_key
    )
    opened = {
        grouping.dgi: bytes(store._open_transport(grouping.value).view())
        if isinstance(grouping.value, Sealed)
        else grouping.value
        for grouping in prepared.groupings
    }
    return opened, prepared, store


_ROLES = (("AC", "AC"), ("SMI", "MAC"), ("SMC", "ENC"))


def _kept(made: authority.Answer) -> IssuerCertificate:
    return IssuerCertificate(authority.RID, made.index, made.authority, made.certificate, made.remainder, made.exponent)


@pytest.fixture
def application(sample: dict[str, Any], financial: Callable[[str], FinancialApplication]) -> FinancialApplication:
    found = financial(PROFILES[sample["id"]])
    name = {} if sample["card"]["name_hex"] == "202F" else {"holder_name": "on chip"}
    quirks = found.quirks.model_copy(update={"udk_parity": "odd"})  # the sample's UDKs have parity
    return found.model_copy(update={"quirks": quirks, **name})


@pytest.mark.shows(
    "The three sample products of `pboc-debit-data.json` come out of preparation byte for byte from the same inputs "
    "(where a value is random or an applet's choice, from the same choice) (test)"
)
def test_a_sample_card_byte_for_byte(sample: dict[str, Any], bank: Any, application: FinancialApplication) -> None:
    made, prepared, _ = _prepared(sample, bank, application)
    wanted = {entry["dgi"]: entry["plain"] for entry in sample["dgis"]}
    assert {dgi: value.hex().upper() for dgi, value in made.items()} == wanted
    assert [grouping.dgi for grouping in prepared.groupings] == list(wanted)
    encrypted = {entry["dgi"] for entry in sample["dgis"] if "encrypted" in entry}
    assert {grouping.dgi for grouping in prepared.groupings if grouping.secret} == encrypted


def test_the_environments_of_a_sample_card(
    sample: dict[str, Any], bank: Any, application: FinancialApplication
) -> None:
    _, prepared, _ = _prepared(sample, bank, application)
    aids = {"pse": b"1PAY.SYS.DDF01", "ppse": b"2PAY.SYS.DDF01"}
    wanted = {aids[name]: [tuple(one) for one in sample[name]["dgis"]] for name in aids if name in sample}
    found = {
        aid: [(one.dgi, one.value.hex().upper()) for one in groupings if isinstance(one.value, bytes)]
        for aid, groupings in prepared.environments.items()
    }
    assert found == wanted


def test_the_answers_that_a_sample_card_will_give(
    sample: dict[str, Any], bank: Any, application: FinancialApplication
) -> None:
    _, prepared, _ = _prepared(sample, bank, application)
    found = predicted_gpo(application, prepared.by_dgi())
    for name, path in sample["paths"].items():
        if "gpo_response_format1" in path:
            assert found[name].answer == bytes.fromhex(path["gpo_response_format1"])
    lengths = {
        (one["path"], one["kind"]): len(one["gpo_response"]) // 2
        for one in sample["transactions"]
        if "gpo_response" in one
    }
    for (name, kind), length in lengths.items():
        assert {"ARQC": found[name].arqc, "TC": found[name].tc}[kind] == length
