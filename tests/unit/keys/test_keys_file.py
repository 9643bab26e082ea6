"""The sealed file: it comes back whole, and nothing but the word and the very same bytes opens it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cardfab.keys import SoftKeyStore, StoreLocked, sealedfile
from cardfab.keys.label import STATION_KEYS, training_root
from cardfab.keys.published import ISSUER_KEYS
from cardfab.keys.roots import ROOTS

WORD = "一把 training word".encode()
Random = Callable[[int], bytes]


def test_round_trip(training: SoftKeyStore, cheap: None, random: Random) -> None:
    opened = SoftKeyStore.from_file(training.to_file(WORD), WORD, random)
    assert opened.infos() == training.infos()
    assert {info.label for info in opened.infos()} == {spec.label for spec in (*ROOTS, *STATION_KEYS, *ISSUER_KEYS)}
    sealed = training.seal("station/seal", b"salt", b"what was sealed before", b"bound")
    assert opened.unseal("station/seal", b"salt", sealed, b"bound") == b"what was sealed before"
    assert opened.public("station/audit") == training.public("station/audit")
    assert opened.index("station/index", b"x") == training.index("station/index", b"x")
    historical = bytes.fromhex("0087BF10028649650100000001")
    for label in ("ss/UKSSSE", "ss/DF01/UK1"):
        assert repr(opened.card_key(label, "440199", historical)) == repr(
            training.card_key(label, "440199", historical)
        )


def test_the_real_cost_is_the_second_recommendation_of_rfc_9106(training: SoftKeyStore, random: Random) -> None:
    data = training.to_file(WORD)
    given = json.loads(data[len(sealedfile.MAGIC) :].partition(b"\n")[0])["argon2id"]
    assert (given["passes"], given["kib"]) == (3, 64 * 1024)
    assert len(bytes.fromhex(given["salt"])) == 16
    assert SoftKeyStore.from_file(data, WORD, random).infos() == training.infos()


def test_salt_and_nonce_are_new_each_time(training: SoftKeyStore, cheap: None) -> None:
    first, second = (training.to_file(WORD).partition(b"}\n") for _ in range(2))
    assert first[0] != second[0]
    assert first[2][:12] != second[2][:12]


def test_the_file_shows_no_key(training: SoftKeyStore, cheap: None) -> None:
    data = training.to_file(WORD)
    assert b"station/seal" not in data
    for spec in ROOTS:
        key = training_root(spec.label)
        assert key not in data
        assert key.hex().encode() not in data.lower()
    assert WORD not in data


@pytest.mark.parametrize("word", [b"", WORD[:-1], WORD + b" ", WORD.upper()])
def test_another_word_does_not_open(training: SoftKeyStore, cheap: None, random: Random, word: bytes) -> None:
    data = training.to_file(WORD)
    with pytest.raises(StoreLocked) as refused:
        SoftKeyStore.from_file(data, word, random)
    assert refused.value.exit_status == 6
    assert refused.value.do is not None


@pytest.fixture
def short(training: SoftKeyStore, cheap: None, random: Random) -> bytes:
    """A file of few keys, so that each of its bytes can have its turn."""
    few = {info.label: training._held[info.label] for info in training.infos()[:3]}
    return SoftKeyStore(few, random).to_file(WORD)


def test_every_changed_byte_is_refused(short: bytes, random: Random) -> None:
    data = short
    for place, byte in enumerate(data):
        changed = bytearray(data)
        changed[place] = byte ^ (1 + place % 255)  # never zero, so never the same byte
        with pytest.raises(StoreLocked):
            SoftKeyStore.from_file(bytes(changed), WORD, random)


def test_every_cut_is_refused(short: bytes, random: Random) -> None:
    data = short
    for length in range(len(data)):
        with pytest.raises(StoreLocked):
            SoftKeyStore.from_file(data[:length], WORD, random)
    with pytest.raises(StoreLocked):
        SoftKeyStore.from_file(data + b"\0", WORD, random)


HEADERS = [
    "[]",
    "null",
    "3",
    "{}",
    '{"argon2id":[]}',
    '{"argon2id":{"kib":-536,"lanes":1,"passes":1,"salt":"SALT"}}',
    '{"argon2id":{"kib":655e2,"lanes":1,"passes":1,"salt":"SALT"}}',
    '{"argon2id":{"kib":6e999,"lanes":1,"passes":1,"salt":"SALT"}}',
    '{"argon2id":{"kib":99999999999,"lanes":1,"passes":1,"salt":"SALT"}}',
    '{"argon2id":{"kib":"8","lanes":1,"passes":1,"salt":"SALT"}}',
    '{"argon2id":{"kib":8,"lanes":0,"passes":1,"salt":"SALT"}}',
    '{"argon2id":{"kib":8,"lanes":1,"passes":0,"salt":"SALT"}}',
    '{"argon2id":{"kib":8,"lanes":1,"passes":1,"salt":17}}',
    '{"argon2id":{"kib":8,"lanes":1,"passes":1,"salt":""}}',
    '{"argon2id":{"kib":8,"lanes":1,"passes":1}}',
]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_a_header_that_makes_no_sense_is_refused(random: Random, header: str) -> None:
    line = header.replace("SALT", "00112233445566778899AABBCCDDEEFF").encode()
    with pytest.raises(StoreLocked):
        SoftKeyStore.from_file(sealedfile.MAGIC + line + b"\n" + bytes(64), WORD, random)


def test_the_header_is_bound_to_the_seal(training: SoftKeyStore, cheap: None, random: Random) -> None:
    data = training.to_file(WORD)
    assert b'"training":true' in data
    count = f'"count":{len(training.infos())}'.encode()
    for old, new in ((b'"training":true', b'"training":false'), (count, b'"count":1')):
        assert old in data
        with pytest.raises(StoreLocked):
            SoftKeyStore.from_file(data.replace(old, new), WORD, random)
