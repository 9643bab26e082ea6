"""Who signs this station's papers: the key ``station/documents`` and its certificate, kept so that it stays."""

from __future__ import annotations

from functools import partial

from cardfab.documents.signing import KeySigner, certified_key, self_signed
from cardfab.errors import KeyFault, Text
from cardfab.keys import KeyUnknown
from cardfab.keys.label import State
from cardfab.station.desk import Desk

DOCUMENTS_KEY = "station/documents"


class NoDocumentsKey(KeyFault):
    """The station is older than the key that signs papers."""

    default_code = "CF-6501"


class ForeignCertificate(KeyFault):
    """A certificate of another key."""

    default_code = "CF-6502"


def documents_public(desk: Desk) -> bytes:
    """The public key that checks this station's papers, 04 | X | Y; raises :class:`NoDocumentsKey`."""
    try:
        return desk.keys.public(DOCUMENTS_KEY)
    except KeyUnknown as unknown:
        raise NoDocumentsKey(
            Text(
                f"This station has no key '{DOCUMENTS_KEY}': it is older than the key that signs papers.",
                f"本制卡点没有密钥“{DOCUMENTS_KEY}”：建点时尚无文书签名密钥。",
            ),
            do=Text(
                "Make a new training station with 'cardfab init'; a real station has its custodians generate the key.",
                "培训制卡点请用 cardfab init 新建；正式制卡点请由密钥保管人生成该密钥。",
            ),
        ) from unknown


def earlier_publics(desk: Desk) -> tuple[bytes, ...]:
    """The public keys of rotated versions that are not destroyed, newest first: papers they signed are still good."""
    versions = [
        info
        for info in desk.keys.infos()
        if info.label.startswith(f"{DOCUMENTS_KEY}@") and info.state is not State.DESTROYED
    ]
    newest_first = sorted(versions, key=lambda info: info.version, reverse=True)
    return tuple(desk.keys.public(info.label) for info in newest_first)


def document_signer(desk: Desk) -> KeySigner:
    """Signs PDF files of this station; its first use makes and keeps a self-signed certificate."""
    public = documents_public(desk)
    sign = partial(desk.keys.sign, DOCUMENTS_KEY)
    with desk.database.reading() as tx:
        kept = tx.temporary_cards.certificate(public)
    if kept is None:
        name = f"cardfab/{desk.station}/documents"
        kept = self_signed(name, public, sign, since=desk.now(), training=desk.training)
        with desk.database.transaction("document certificate") as tx:
            tx.temporary_cards.keep_certificate(public, kept, desk.at())
    return KeySigner(kept, sign)


def use_certificate(desk: Desk, certificate: bytes) -> None:
    """Use a certificate that an authority issued for this station's key. Raises :class:`ForeignCertificate`."""
    public = documents_public(desk)
    try:
        same = certified_key(certificate) == public
    except ValueError:
        same = False
    if not same:
        raise ForeignCertificate(
            Text("The certificate is not that of this station's key.", "证书与本制卡点的签名密钥不符。"),
            do=Text("Have one issued for the request of this station.", "请用本制卡点的证书申请重新签发。"),
        )
    with desk.database.transaction("document certificate") as tx:
        tx.temporary_cards.keep_certificate(public, certificate, desk.at())
        tx.audit.append(desk.event("documents.certificate", desk.token(), "done", {"key": DOCUMENTS_KEY}))
        desk.checkpoint(tx)
