"""PyPI's yubikey-manager opens SCP03 to our security domain over PC/SC, and lists, stores, replaces and deletes there.

Its SCP03 is AES-128 in S8 mode at level 33: C-MAC, C-DECRYPTION, R-MAC and R-ENCRYPTION. It asks GET DATA with CLA 00
and takes the value of a template alone for the answer, so the cards here are of that kind (``get_data_iso``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

import pytest
from smartcard.System import readers
from ykman.pcsc import ScardSmartCardConnection
from yubikit.core import BadResponseError
from yubikit.core.smartcard import ApduError
from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, StaticKeys
from yubikit.securitydomain import SecurityDomainSession

from cardfab.simulator.chip import PROFILES, TrainingChip, make_card

pytestmark = [
    pytest.mark.service,
    pytest.mark.shows("yubikit opens SCP03, lists, stores, replaces and deletes keys (test)"),
]

PUBLISHED = StaticKeys(*[bytes(range(0x40, 0x50))] * 3)  # GlobalPlatform's test keys, which protect nothing
NEW = StaticKeys(*(bytes(range(start, start + 16)) for start in (0x00, 0x10, 0x20)))
WRONG = StaticKeys(*[bytes(16)] * 3)
FIRST, SECOND = 0x30, 0x31  # key versions
REFUSED = "Incorrect SCP parameters"  # of 6A88 for a version that is not there, and of a card cryptogram that is wrong
ALL = {KeyRef(kid, FIRST): {0x88: 16} for kid in (1, 2, 3)}


@dataclass(frozen=True)
class Bench:
    """A card in slot 0."""

    chip: TrainingChip
    reader: str

    @contextmanager
    def session(self, keys: StaticKeys | None = None, version: int = FIRST) -> Iterator[SecurityDomainSession]:
        """The security domain selected anew, with ``keys`` through SCP03."""
        place = next(one for one in readers() if str(one) == self.reader)
        connection = ScardSmartCardConnection(place.createConnection())
        try:
            session = SecurityDomainSession(connection)
            if keys is not None:
                session.authenticate(Scp03KeyParams(KeyRef(1, version), keys))
            yield session
        finally:
            connection.close()

    def refused(self, keys: StaticKeys, version: int) -> str:
        """Why no channel opens: what the stranger says."""
        with pytest.raises((ApduError, BadResponseError, ValueError)) as error, self.session(keys, version):
            pass
        return str(error.value)


@pytest.fixture
def bench(
    insert: Callable[[TrainingChip], AbstractContextManager[str]], request: pytest.FixtureRequest
) -> Iterator[Bench]:
    """A card of the profile that the test names, else one with SCP03 i=70 and AES-128."""
    profile = PROFILES[getattr(request, "param", "gp-scp03-aes128-s8")]
    chip = make_card(replace(profile, get_data_iso="value"), serial=871)
    with insert(chip) as reader:
        yield Bench(chip, reader)


def test_lists_keys_and_card_data_without_and_with_a_channel(bench: Bench) -> None:
    for keys in (None, PUBLISHED):
        with bench.session(keys) as session:
            assert session.get_key_information() == ALL
            recognition = session.get_card_recognition_data()
            assert bytes.fromhex("640B06092A864886FC6B040370") in recognition  # SCP03 i=70: GPC 2.3.1 H.2
            assert session.get_supported_ca_identifiers() == {}


def test_wrong_keys_open_nothing(bench: Bench) -> None:
    # The stranger looks at the card's cryptogram and stops there: no try is lost by that.
    for _ in range(12):
        assert bench.refused(WRONG, FIRST) == REFUSED
    assert bench.refused(PUBLISHED, 0x3F) == REFUSED
    with bench.session(PUBLISHED) as session:
        assert session.get_key_information() == ALL


def test_without_a_channel_nothing_is_stored_or_deleted(bench: Bench) -> None:
    with bench.session() as session:
        for attempt in (lambda: session.store_data(bytes.fromhex("42031122AA")), lambda: session.delete_key(kvn=FIRST)):
            with pytest.raises(ApduError) as refused:
                attempt()
            assert refused.value.sw in (0x6982, 0x6985)
        assert session.get_key_information() == ALL


def test_stores_what_is_read_back(bench: Bench) -> None:
    key, identifier = KeyRef(0x13, 0x02), bytes(range(20))
    with bench.session(PUBLISHED) as session:
        session.store_data(bytes.fromhex("4203112233"))
        session.store_data(bytes.fromhex("45020801"))
        session.store_ca_issuer(key, identifier)
    with bench.session() as session:
        assert session.get_data(0x42) == bytes.fromhex("4203112233")
        assert session.get_data(0x45) == bytes.fromhex("45020801")
        assert session.get_supported_ca_identifiers(klcc=True) == {key: identifier}


@pytest.mark.parametrize("length", [200, 250, 1000])
def test_stores_more_than_a_short_command_holds(bench: Bench, length: int) -> None:
    # 5F50, the URL of the domain. Beyond 239 bytes the stranger chains commands under one C-MAC.
    value = bytes(index % 251 for index in range(length))
    size = bytes((0x81, length)) if length < 256 else b"\x82" + length.to_bytes(2)
    with bench.session(PUBLISHED) as session:
        session.store_data(b"\x5f\x50" + size + value)
        assert session.get_data(0x5F50) == b"\x5f\x50" + size + value


def test_replaces_the_keys_and_logs_in_with_the_new_ones(bench: Bench) -> None:
    with bench.session(PUBLISHED) as session:
        session.put_key(KeyRef(1, SECOND), NEW, replace_kvn=FIRST)  # it compares the check values
        assert session.get_key_information() == {KeyRef(kid, SECOND): {0x88: 16} for kid in (1, 2, 3)}
    assert bench.refused(PUBLISHED, FIRST) == REFUSED
    assert bench.refused(PUBLISHED, SECOND) == REFUSED
    with bench.session(NEW, SECOND) as session:
        session.store_data(bytes.fromhex("4203445566"))
        assert session.get_data(0x42) == bytes.fromhex("4203445566")
        session.put_key(KeyRef(1, SECOND), PUBLISHED, replace_kvn=SECOND)  # under the version it has
    with bench.session(PUBLISHED, SECOND) as session:
        assert len(session.get_key_information()) == 3


def test_adds_a_second_key_set_and_deletes_the_first(bench: Bench) -> None:
    second = {KeyRef(kid, SECOND): {0x88: 16} for kid in (1, 2, 3)}
    with bench.session(PUBLISHED) as session:
        session.put_key(KeyRef(1, SECOND), NEW)
        assert session.get_key_information() == ALL | second
    with bench.session(NEW, SECOND) as session:
        session.delete_key(kvn=FIRST)
        assert session.get_key_information() == second
        with pytest.raises(ApduError) as refused:  # the last keys only where it is said
            session.delete_key(kvn=SECOND)
        assert refused.value.sw == 0x6985
        assert session.get_key_information() == second
    assert bench.refused(PUBLISHED, FIRST) == REFUSED


@pytest.mark.parametrize("bench", ["gp-scp03-initial"], indirect=True)
def test_keys_of_the_factory_are_gone_after_the_first_put_key(bench: Bench) -> None:
    with bench.session(PUBLISHED, 0xFF) as session:
        assert set(session.get_key_information()) == {KeyRef(kid, 0xFF) for kid in (1, 2, 3)}
        session.put_key(KeyRef(1, 0x01), NEW)
    assert bench.refused(PUBLISHED, 0xFF) == REFUSED
    with bench.session(NEW, 0x01) as session:
        assert set(session.get_key_information()) == {KeyRef(kid, 0x01) for kid in (1, 2, 3)}


@pytest.mark.parametrize("bench", ["gp-scp03-put-key-prefixed"], indirect=True)
def test_a_card_of_the_other_encoding_refuses_its_put_key_and_keeps_its_keys(bench: Bench) -> None:
    # The stranger writes 88 10; this card takes 88 11 10 alone: GPC 2.3.1 11.8.2.3.3 allows both.
    with bench.session(PUBLISHED) as session:
        with pytest.raises(ApduError) as refused:
            session.put_key(KeyRef(1, SECOND), NEW, replace_kvn=FIRST)
        assert refused.value.sw == 0x6A80
    with bench.session(PUBLISHED) as session:
        assert session.get_key_information() == ALL


def test_a_card_that_was_pulled_keeps_the_new_keys(bench: Bench) -> None:
    with bench.session(PUBLISHED) as session:
        session.put_key(KeyRef(1, SECOND), NEW, replace_kvn=FIRST)
        bench.chip.power_off()
        bench.chip.power_on()
        with pytest.raises((ApduError, BadResponseError)):
            session.store_data(bytes.fromhex("4203445566"))  # the channel died with the power
    with bench.session(NEW, SECOND) as session:
        assert len(session.get_key_information()) == 3
