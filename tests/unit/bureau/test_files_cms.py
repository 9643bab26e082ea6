"""Sealed files as the openssl command line makes them: who may open, who may sign, and every byte accounted for."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto.cms import CertificateSet, EncryptionAlgorithm, RecipientInfos, SignerInfos
from asn1crypto.core import Asn1Value
from hypothesis import example, given
from hypothesis import strategies as st

from cardfab.bureau.files import FileRefused, KeyFileRefused, Recipient, Trust, open_source, read_recipient, read_trust
from cardfab.bureau.files import sheet as _sheet  # openpyxl takes its time to import, which is not measured
from cardfab.bureau.files.envelope import opened
from cardfab.bureau.files.parts import der
from cardfab.bureau.files.signed import SignedContent
from cardfab.errors import CardfabError
from tests.issuer_files import (
    WORD,
    Party,
    as_csv,
    encrypted,
    holders,
    layout,
    party,
    refused,
    sealed,
    signed,
    source,
    taken,
    trust,
)

CSV = layout("generic-csv")
ROWS = list(holders(4))
CONTENT = as_csv(ROWS)
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def issuer() -> Party:
    return party("issuer")


@pytest.fixture(scope="module")
def bureau() -> Party:
    return party("bureau")


@pytest.fixture(scope="module")
def rsa_bureau() -> Party:
    return party("bureau of RSA", "rsa")


@pytest.fixture(scope="module")
def samples(
    tmp_path_factory: pytest.TempPathFactory, issuer: Party, bureau: Party, rsa_bureau: Party
) -> dict[str, tuple[bytes, Recipient]]:
    """One content, sealed in each way that is taken."""
    folder = tmp_path_factory.mktemp("samples")
    one = signed(folder, CONTENT, issuer)
    oaep = ("-keyopt", "rsa_padding_mode:oaep")
    return {
        "ecdh": (encrypted(folder, one, bureau), bureau.recipient()),
        "ecdh-stream": (sealed(folder, CONTENT, issuer, bureau, stream=True), bureau.recipient()),
        "rsa": (encrypted(folder, one, rsa_bureau), rsa_bureau.recipient()),
        "rsa-stream": (sealed(folder, CONTENT, issuer, rsa_bureau, stream=True), rsa_bureau.recipient()),
        "keyid": (
            encrypted(folder, signed(folder, CONTENT, issuer, "-keyid"), rsa_bureau, "-keyid"),
            rsa_bureau.recipient(),
        ),
        "signed-by-rsa": (sealed(folder, CONTENT, rsa_bureau, bureau), bureau.recipient()),
        "no-certificate": (encrypted(folder, signed(folder, CONTENT, issuer, "-nocerts"), bureau), bureau.recipient()),
        "oaep": (encrypted(folder, one, rsa_bureau, *oaep), rsa_bureau.recipient()),
        "oaep-sha256": (
            encrypted(folder, one, rsa_bureau, *oaep, "-keyopt", "rsa_oaep_md:sha256"),
            rsa_bureau.recipient(),
        ),
        "ecdh-sha256": (encrypted(folder, one, bureau, "-keyopt", "ecdh_kdf_md:sha256"), bureau.recipient()),
    }


def clear(data: bytes, recipient: Recipient, trusted: Trust, *, piece: int = 700) -> bytes:
    """The content of a sealed file that came in small chunks."""

    def chunks() -> Iterator[bytes]:
        for at in range(0, len(data), piece):
            yield data[at : at + piece]

    content = SignedContent(opened(chunks(), recipient), trusted, NOW)
    whole = b"".join(content)
    assert content.signer is not None
    return whole


def code(data: bytes, recipient: Recipient, trusted: Trust) -> str:
    """Why a file is refused."""
    with pytest.raises(FileRefused) as why:
        clear(data, recipient, trusted)
    assert why.value.sentence("zh")
    return why.value.code


WAYS = ["ecdh", "ecdh-stream", "rsa", "rsa-stream", "keyid", "signed-by-rsa", "no-certificate", "oaep", "oaep-sha256"]
WAYS += ["ecdh-sha256"]


@pytest.mark.parametrize("way", WAYS)
def test_it_opens_what_openssl_seals(
    samples: dict[str, tuple[bytes, Recipient]], issuer: Party, rsa_bureau: Party, way: str
) -> None:
    data, recipient = samples[way]
    trusted = trust(issuer, rsa_bureau)
    assert clear(data, recipient, trusted) == CONTENT
    assert clear(data, recipient, trusted, piece=7) == CONTENT


def test_rows_signer_and_digest_of_a_sealed_file(
    tmp_path: Path, samples: dict[str, tuple[bytes, Recipient]], issuer: Party
) -> None:
    data, recipient = samples["rsa-stream"]
    one = source(tmp_path, data, CSV, keys_of_bureau=recipient, trust=trust(issuer))
    assert taken(one) == (list(enumerate(ROWS, start=2)), [])
    assert one.signer is not None
    assert "issuer" in one.signer.subject
    plain = source(tmp_path, CONTENT, CSV)
    assert plain.check().digest == one.digest


def test_a_strangers_content_is_not_judged(tmp_path: Path, issuer: Party, bureau: Party) -> None:
    """The signature decides before what is wrong with the rows is told."""
    data = sealed(tmp_path, b"no,header\n" * 3, party("stranger"), bureau)
    one = source(tmp_path, data, CSV, keys_of_bureau=bureau.recipient(), trust=trust(issuer))
    with pytest.raises(FileRefused) as why:
        one.check()
    assert why.value.code == "CF-3466"
    honest = sealed(tmp_path, b"no,header\n" * 3, issuer, bureau)
    assert refused(source(tmp_path, honest, CSV, keys_of_bureau=bureau.recipient(), trust=trust(issuer)))


@pytest.mark.shows("signed by a stranger: each a clear refusal, nothing kept (test)")
@pytest.mark.parametrize("options", [(), ("-nocerts",), ("-keyid", "-nocerts")])
def test_a_stranger(tmp_path: Path, issuer: Party, bureau: Party, options: tuple[str, ...]) -> None:
    """Also one who calls himself as the issuer does."""
    for name in ("stranger", "issuer"):
        stranger = party(name, days=31)
        data = encrypted(tmp_path, signed(tmp_path, CONTENT, stranger, *options), bureau)
        assert code(data, bureau.recipient(), trust(issuer)) == "CF-3466"


def test_who_may_not_sign_any_more_or_at_all(tmp_path: Path, bureau: Party) -> None:
    for signer in (party("expired", days=-1), party("authority", usage="ca")):
        data = sealed(tmp_path, CONTENT, signer, bureau)
        assert code(data, bureau.recipient(), trust(signer)) == "CF-3466"
        assert "does not count" in _why(data, bureau.recipient(), trust(signer))


def _why(data: bytes, recipient: Recipient, trusted: Trust) -> str:
    with pytest.raises(CardfabError) as why:
        clear(data, recipient, trusted)
    return why.value.what.en


def test_ways_that_are_not_taken(tmp_path: Path, issuer: Party, bureau: Party) -> None:
    other = party("other")
    other_file, other_key = other.files(tmp_path, "other")
    whole = signed(tmp_path, CONTENT, issuer)
    recipient, trusted = bureau.recipient(), trust(issuer, other)
    for data in (
        whole,
        encrypted(tmp_path, whole, bureau, "-aes-256-gcm"),
        encrypted(tmp_path, whole, bureau, "-des-ede3-cbc"),
        encrypted(tmp_path, whole, bureau, "-recip", other_file),
        encrypted(tmp_path, signed(tmp_path, CONTENT, issuer, "-md", "sha1"), bureau),
        encrypted(tmp_path, signed(tmp_path, CONTENT, issuer, "-noattr"), bureau),
        encrypted(tmp_path, signed(tmp_path, CONTENT, issuer, "-signer", other_file, "-inkey", other_key), bureau),
    ):
        assert code(data, recipient, trusted) in ("CF-3464", "CF-3467")
    assert code(encrypted(tmp_path, whole, other), recipient, trusted) == "CF-3463"
    assert code(encrypted(tmp_path, CONTENT, bureau), recipient, trusted) == "CF-3465"
    assert code(CONTENT, recipient, trusted) == "CF-3460"
    assert code(b"-----BEGIN CMS-----", recipient, trusted) == "CF-3460"
    assert code(b"", recipient, trusted) == "CF-3461"


def test_an_encrypted_file_that_is_read_as_a_plain_one(
    tmp_path: Path, samples: dict[str, tuple[bytes, Recipient]]
) -> None:
    with pytest.raises(FileRefused, match="encrypted or signed") as why:
        source(tmp_path, samples["rsa-stream"][0], CSV).check()
    assert why.value.code == "CF-3463"
    with pytest.raises(ValueError, match="neither"):
        open_source(tmp_path / "batch", CSV, keys_of_bureau=samples["rsa"][1])


@pytest.mark.shows("10 GB of zeros: each a clear refusal, nothing kept (test)")
@pytest.mark.parametrize(
    "form", ["generic-csv", "generic-jsonl", "example-fixed", "example-spreadsheet", "example-xml"]
)
def test_ten_gigabytes_of_zeros(tmp_path: Path, bureau: Party, issuer: Party, form: str) -> None:
    assert _sheet.__all__
    file = tmp_path / "zeros"
    file.touch()
    os.truncate(file, 10 << 30)
    began = time.process_time()
    for seal in ({}, {"keys_of_bureau": bureau.recipient(), "trust": trust(issuer)}):
        with pytest.raises(CardfabError):
            open_source(file, layout(form), **seal).check()  # type: ignore[arg-type]
    assert time.process_time() - began < 1


@pytest.mark.parametrize("way", ["ecdh-stream", "rsa"])
def test_zeros_behind_a_good_beginning(
    tmp_path: Path, samples: dict[str, tuple[bytes, Recipient]], issuer: Party, way: str
) -> None:
    data, recipient = samples[way]
    file = tmp_path / "zeros"
    for keep in (len(data), len(data) - 9, 520, 330):
        file.write_bytes(data[:keep])
        os.truncate(file, 10 << 30)
        with pytest.raises(FileRefused):
            open_source(file, CSV, keys_of_bureau=recipient, trust=trust(issuer)).check()


def _changed(data: bytes, at: int, by: int) -> bytes:
    return data[:at] + bytes([data[at] ^ by]) + data[at + 1 :]


@pytest.mark.shows("one byte changed: each a clear refusal, nothing kept (test)")
@pytest.mark.parametrize("way", ["ecdh", "rsa-stream"])
def test_a_byte_changed_here_and_there(samples: dict[str, tuple[bytes, Recipient]], issuer: Party, way: str) -> None:
    data, recipient = samples[way]
    trusted, rng = trust(issuer), random.Random(9)
    for at in rng.sample(range(len(data)), 15):
        assert code(_changed(data, at, rng.randrange(1, 256)), recipient, trusted)


@pytest.mark.shows("a file cut in the middle: each a clear refusal, nothing kept (test)")
@pytest.mark.parametrize("way", ["ecdh", "rsa-stream"])
def test_a_file_cut_here_and_there(samples: dict[str, tuple[bytes, Recipient]], issuer: Party, way: str) -> None:
    data, recipient = samples[way]
    for length in random.Random(9).sample(range(len(data)), 15):
        assert code(data[:length], recipient, trust(issuer)) == "CF-3461"


def test_a_content_cut_before_it_was_encrypted(tmp_path: Path, issuer: Party, bureau: Party) -> None:
    """The envelope is whole, and what it holds is not."""
    for options in ((), ("-stream",)):
        whole = signed(tmp_path, CONTENT, issuer, *options)
        for length in (len(whole) - 1, len(whole) - 200, 900, 40, 1):
            data = encrypted(tmp_path, whole[:length], bureau)
            assert code(data, bureau.recipient(), trust(issuer)) == "CF-3461"
        data = encrypted(tmp_path, whole + b"\0", bureau)
        assert code(data, bureau.recipient(), trust(issuer)) == "CF-3462"


def test_the_bureaus_key(tmp_path: Path, bureau: Party, rsa_bureau: Party) -> None:
    certificate, protected = bureau.certificate, bureau.protected()
    assert read_recipient(protected, certificate, WORD).key.kind == "ecdsa"
    for key, cert, word, wanted in (
        (bureau.key, certificate, WORD, "CF-3650"),
        (protected, certificate, b"wrong", "CF-3651"),
        (protected, rsa_bureau.certificate, WORD, "CF-3652"),
        (protected, b"x", WORD, "CF-3653"),
        (protected, b"-----BEGIN CERTIFICATE-----", WORD, "CF-3653"),
    ):
        with pytest.raises(KeyFileRefused) as why:
            read_recipient(key, cert, word)
        assert why.value.code == wanted
    with pytest.raises(KeyFileRefused):
        read_trust(b"")
    assert len(read_trust(bureau.certificate + rsa_bureau.certificate).certificates) == 2
    assert "PRIVATE" not in repr(bureau.recipient())


def test_a_certificate_that_ends_tomorrow_signs_today(tmp_path: Path, bureau: Party) -> None:
    signer = party("short", days=1)
    data = sealed(tmp_path, CONTENT, signer, bureau)
    later = source(
        tmp_path, data, CSV, keys_of_bureau=bureau.recipient(), trust=trust(signer), now=NOW + timedelta(days=2)
    )
    with pytest.raises(FileRefused, match="expired"):
        later.check()
    assert clear(data, bureau.recipient(), trust(signer)) == CONTENT


@given(st.sampled_from([RecipientInfos, SignerInfos, CertificateSet, EncryptionAlgorithm]), st.binary(max_size=40))
@example(SignerInfos, bytes.fromhex("3100"))
@example(EncryptionAlgorithm, bytes.fromhex("300706032a03040900"))
@example(RecipientInfos, bytes.fromhex("3103090100"))
def test_parts_are_der_or_refused(kind: type[Asn1Value], raw: bytes) -> None:
    """asn1crypto raises almost anything, and takes more than DER."""
    with suppress(FileRefused):
        assert der(kind, raw, 0).dump() == raw


@pytest.mark.proof
@pytest.mark.shows("one byte changed: each a clear refusal, nothing kept (proof)")
@pytest.mark.parametrize("way", ["ecdh-stream", "rsa"])
def test_every_byte_of_the_structure_changed(
    samples: dict[str, tuple[bytes, Recipient]], issuer: Party, way: str
) -> None:
    """Every byte outside the content, and one of each block of it."""
    data, recipient = samples[way]
    trusted, rng = trust(issuer), random.Random(9)
    places = [at for at in range(len(data)) if at < 420 or at > len(data) - 40 or at % 16 == 0]
    for at in places:
        assert code(_changed(data, at, rng.randrange(1, 256)), recipient, trusted)
        if at < 420:
            assert code(_changed(data, at, 1 << (at % 8)), recipient, trusted)
