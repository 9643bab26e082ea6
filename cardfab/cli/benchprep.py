"""``cardfab bench dataprep``: what preparing a bank card costs, beside the bare cryptography it needs, and on the wire.

All figures of one run are taken in turns on one core, in processor time, the best of many short rounds: a busy machine
is as busy for each. The floor of a card is the fewest calls that do its cryptography: card keys and check values, one
sealing of all its secrets, for each signature the private operation and the check of it, the opening of a pooled key.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Annotated, Any

import typer

from cardfab.apdu.link import CardConnection, link_to
from cardfab.apdu.message import historical_bytes
from cardfab.apdu.tlv import parse
from cardfab.bureau.preparing import AT_ONCE
from cardfab.cli.banking import training_store
from cardfab.cli.benchshard import KINDS, seconds_each, shard_works
from cardfab.cli.output import talk_of
from cardfab.crypto import Algorithm, encrypt_ecb, seal, unseal
from cardfab.crypto.emvcert import SM2_ICC, SM2_STATIC, seal_block
from cardfab.crypto.rsa import RsaPrivate
from cardfab.crypto.sm import sm2_digest, sm2_generate, sm2_public, sm2_sign_digest, sm2_verify
from cardfab.errors import Text
from cardfab.keys import Sealed, SoftKeyStore
from cardfab.keys.issuerkeys import Filling, IccKey
from cardfab.keys.published import published_issuer_key
from cardfab.plan import Run, carry_out
from cardfab.plan.payment import write_financial
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.financial import DataGrouping, FinancialData, PreparedFinancial, make_pan, prepare_financial
from cardfab.profile.card import CardProfile
from cardfab.profile.financial import FinancialApplication
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders, data_folder

Work = Callable[[], object]
_HEADER, _MAC, _ROOM = 5, 8, 247
"""Of a command, of its C-MAC, and the data that fits beside it in a short command (SCP02, level 01)."""


@dataclass(frozen=True, slots=True)
class PrepFigure:
    """One kind of card. Microseconds of processor time a card; ``floor`` of its bare cryptographic calls."""

    name: str
    microseconds: float
    floor: float
    cards_a_second: int

    @property
    def ratio(self) -> float:
        """How many times the floor."""
        return round(self.microseconds / self.floor, 2)


@dataclass(frozen=True, slots=True)
class WireFigure:
    """One card personalised over SCP02 with C-MAC: what was sent, and the least that its data allows."""

    name: str
    commands: int
    sent: int
    least: int

    @property
    def ratio(self) -> float:
        """How many times the least."""
        return round(self.sent / self.least, 3)


# -- the cards ---------------------------------------------------------------------------------------------------------


def _applications() -> dict[str, FinancialApplication]:
    source = ProfileFolders((data_folder("profiles"),))

    def packaged(name: str) -> FinancialApplication:
        return load(source, "applications", name, FinancialApplication)

    return {
        "symmetric only": packaged("pboc-debit-contact"),
        "RSA, key from the pool": packaged("pboc-debit-contact-rsa"),
        "RSA, two paths": packaged("pboc-debit-dual"),
        "SM2": _sm2_only(packaged("pboc-debit-dual-sm2")),
        "RSA and SM2, two paths each": packaged("pboc-debit-dual-sm2"),
    }


def _sm2_only(both: FinancialApplication) -> FinancialApplication:
    """The SM side of the sample card alone: for the figures of preparation, no applet is made for it."""
    paths = tuple(path for path in both.paths if path.algorithm == "SM2")
    read = {dgi for path in paths for dgi in path.records}
    records = tuple(entry for entry in both.records if entry.dgi in read)
    left_out = {"9104", "9203", "9207", "8000", "9000", "8201", "8202", "8203", "8204", "8205"}
    order = tuple(dgi for dgi in both.order if dgi not in left_out - {"8000", "9000"})
    return both.model_copy(update={"paths": paths, "records": records, "order": order})


@dataclass(slots=True)
class _Bench:
    """A training bank, and one pooled key that is opened again for every card."""

    keys: SoftKeyStore
    pooled: dict[tuple[int, int], bytes]
    number: int = 0

    def take(self, bits: int, exponent: int, filling: Filling) -> IccKey:
        """What the pool does, without its files."""
        return self.keys.icc_from_pool(self.pooled[bits, exponent], filling)

    def card(self, application: FinancialApplication) -> PreparedFinancial:
        """The next card of that application."""
        self.number = (self.number + 1) % 10**6
        pan = make_pan(application, self.number)
        data = FinancialData(pan, date(2026, 1, 1), date(2033, 12, 31), serial=4 * self.number)
        return prepare_financial(application, data, self.keys, take_key=self.take)


def _bench(applications: dict[str, FinancialApplication]) -> _Bench:
    keys = training_store()
    sizes = {(one.issuer.icc_bits, one.issuer.icc_exponent) for one in applications.values() if one.issuer.rsa}
    return _Bench(keys, {size: keys.make_for_pool(*size) for size in sizes})


# -- the floor ---------------------------------------------------------------------------------------------------------


def _floor(application: FinancialApplication, card: PreparedFinancial) -> Work:
    """The bare cryptographic calls of this very card, on data of the same lengths."""
    values = card.by_dgi()
    signed = _signatures(values)
    secrets = sum(one.length for one in values.values() if isinstance(one, Sealed))
    ciphers = [Algorithm.TDES] + ([Algorithm.SM4] if application.keys_sm4 else [])
    root, master = os.urandom(32), os.urandom(16)
    rsa_label, static = application.issuer.rsa, bytes(120)
    signer = RsaPrivate.of_der(published_issuer_key(rsa_label)) if signed["RSA"] and rsa_label else None
    block = b"" if signer is None else seal_block(bytes(signer.public.length - 22), static)
    d = published_issuer_key("bank/ISSUER-SM2")
    public = sm2_public(d)
    pooled = seal(root, bytes(320), b"", os.urandom) if "8201" in values else b""

    def work() -> object:
        for cipher in ciphers:
            for _ in range(3):
                encrypt_ecb(cipher, master, bytes(16))
                encrypt_ecb(cipher, master, bytes(cipher.block))
        os.urandom(16)
        if pooled:
            unseal(root, pooled, b"")
        if signer is not None:
            for _ in range(signed["RSA"]):
                hashlib.sha1(static, usedforsecurity=False).digest()
                signer.sign(block)
        if signed["SM2"]:
            sm2_generate(os.urandom)
            for _ in range(signed["SM2"]):
                signature = sm2_sign_digest(d, sm2_digest(public, static), os.urandom)
                sm2_verify(public, static, signature)
        return seal(root, bytes(secrets), b"", os.urandom)

    return work


def _signatures(values: dict[str, bytes | Sealed]) -> dict[str, int]:
    """How many different signatures a card carries, by algorithm: tags 93 and 9F46."""
    found: set[bytes] = set()
    for dgi, value in values.items():
        if isinstance(value, bytes) and int(dgi[:2], 16) <= 30 and dgi not in ("0D01", "0E01"):
            inside = (one for outer in parse(value) for one in outer.children)
            found |= {one.value for one in inside if one.tag in (0x93, 0x9F46)}
    sm2 = sum(len(one) in (SM2_STATIC, SM2_ICC) for one in found)
    return {"SM2": sm2, "RSA": len(found) - sm2}


def measure(count: int, rounds: int = 25) -> list[PrepFigure]:
    """The figures over ``count`` cards of each kind."""
    applications = _applications()
    bench = _bench(applications)
    works: list[Work] = []
    for application in applications.values():
        works.append(lambda application=application: bench.card(application))  # type: ignore[misc]
        works.append(_floor(application, bench.card(application)))
    best = [float("inf")] * len(works)
    each = max(1, count // rounds)
    for _ in range(rounds):
        for place, work in enumerate(works):
            start = time.process_time()
            for _ in range(each):
                work()
            best[place] = min(best[place], (time.process_time() - start) / each * 1e6)
    return [
        PrepFigure(name, round(ours, 1), round(floor, 1), int(1e6 / ours))
        for name, ours, floor in zip(applications, best[::2], best[1::2], strict=True)
    ]


def measure_shards(count: int, rounds: int = 3) -> list[PrepFigure]:
    """The same of rows in the lots of a shard, ``count`` of each kind; see :mod:`cardfab.cli.benchshard`."""
    source = ProfileFolders((data_folder("profiles"),))
    alone = {name: load(source, "applications", kind, FinancialApplication) for name, kind in KINDS.items()}
    bench = _bench(alone)
    works = shard_works(source, bench.keys, lambda *size: bench.pooled[size], count)
    found: list[PrepFigure] = []
    for name, work in works.items():
        floor = seconds_each(_repeated(_floor(alone[name], bench.card(alone[name])), 20), 20, rounds)
        ours = seconds_each(work, count, rounds)
        found.append(PrepFigure(name, round(ours * 1e6, 1), round(floor * 1e6, 1), int(1 / ours)))
    return found


def _repeated(work: Work, times: int) -> Work:
    return lambda: [work() for _ in range(times)]


# -- the wire ----------------------------------------------------------------------------------------------------------


class _Counting:
    """A connection that counts what goes over it."""

    def __init__(self, connection: CardConnection) -> None:
        self._connection = connection
        self.commands, self.sent = 0, 0

    def transmit(self, apdu: bytes, /) -> bytes:
        self.commands, self.sent = self.commands + 1, self.sent + len(apdu)
        return self._connection.transmit(apdu)

    def atr(self) -> bytes:
        return self._connection.atr()

    def reset(self) -> bytes:
        return self._connection.reset()

    def close(self) -> None:
        self._connection.close()


def wire() -> list[WireFigure]:
    """Each kind of card personalised once on a training chip, PSE and PPSE with it; one DGI a command, then packed."""
    applications = _applications()
    bench = _bench(applications)
    card_profile = load(ProfileFolders((data_folder("profiles"),)), "cards", "training-ssc2", CardProfile)
    channel = card_profile.channel.model_copy(update={"chunk": 255})
    profile = card_profile.model_copy(update={"channel": channel})
    found: list[WireFigure] = []
    for name, application in applications.items():
        if any(path.gpo == "9104" for path in application.ways):  # no chip takes a card without its first path
            packed = application.model_copy(
                update={"quirks": application.quirks.model_copy(update={"packing": "packed"})}
            )
            found += [_wired(name, application, bench, profile), _wired(f"{name}; packed", packed, bench, profile)]
    return found


def _wired(name: str, application: FinancialApplication, bench: _Bench, profile: CardProfile) -> WireFigure:
    prepared = bench.card(application)
    environments = {aid.hex().upper(): groupings for aid, groupings in prepared.environments.items()}
    card = PreparedCard(
        request_id="bench", product="bench", region="440199", card_number="T00000001", pan="", issue_date="2026-01-01",
        expiry_date="2033-12-31", records=(), groupings=prepared.groupings, face={}, photo=None,
        environments=environments,
    )  # fmt: skip
    counting = _Counting(_training_chip())
    run = Run(bench.keys, historical_bytes(counting.atr()), os.urandom)
    carry_out(list(write_financial(card, profile, application)), link_to(counting), run)
    packed = application.quirks.packing == "packed"
    all_of = ((application.aid, card.groupings), *prepared.environments.items())
    least = sum(_least(aid, groupings, packed=packed) for aid, groupings in all_of)
    return WireFigure(name, counting.commands, counting.sent, least)


def _least(aid: bytes, groupings: Sequence[DataGrouping], *, packed: bool) -> int:
    """Bytes of one application: SELECT, the two commands of the channel, and its groupings in as few as the form has.

    ``packed``: they fill commands to the last byte, those in clear and the secrets apart, since P1 tells them apart.
    """
    total = _HEADER + len(aid) + 1 + 2 * _HEADER + 8 + 1 + 8 + _MAC
    sizes = {
        secret: [one.length + (5 if one.length > 254 else 3) for one in groupings if one.secret is secret]
        for secret in (False, True)
    }
    for each in sizes.values():
        blocks = -(-sum(each) // _ROOM) if packed else sum(-(-size // _ROOM) for size in each)
        total += sum(each) + blocks * (_HEADER + _MAC)
    return total


def _training_chip() -> CardConnection:
    from cardfab.cli.gpsession import _Chip

    return _Chip()


def dataprep(
    context: typer.Context,
    count: Annotated[int, typer.Option("--count", min=1, help="Cards of each kind.")] = 1000,
) -> None:
    """Cards a second and core by kind of key, beside the bare cryptography; and what one card takes on the wire."""
    talk = talk_of(context)
    prepared, sent = [*measure(count), *measure_shards(min(count, AT_ONCE))], wire()
    value: dict[str, Any] = {
        "preparation": [{**asdict(one), "ratio": one.ratio} for one in prepared],
        "wire": [{**asdict(one), "ratio": one.ratio} for one in sent],
    }

    def people() -> None:
        rows = [
            (one.name, f"{one.microseconds:.0f}", f"{one.floor:.0f}", f"{one.ratio:.2f} x", str(one.cards_a_second))
            for one in prepared
        ]
        columns = (
            Text("card", "卡片"), Text("us a card", "微秒/卡"), Text("floor, us", "下限（微秒）"),
            Text("beside the floor", "与下限之比"), Text("cards a second and core", "每核每秒张数"),
        )  # fmt: skip
        talk.table(columns, rows, empty=Text("", ""))
        rows = [(one.name, str(one.commands), str(one.sent), str(one.least), f"{one.ratio:.3f} x") for one in sent]
        columns = (
            Text("card", "卡片"), Text("commands", "命令数"), Text("bytes sent", "发送字节"),
            Text("least", "最少"), Text("beside the least", "与最少之比"),
        )  # fmt: skip
        talk.table(columns, rows, empty=Text("", ""))

    talk.give(value, people)
