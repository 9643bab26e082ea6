"""EnvelopedData (RFC 5652, 6) for the bureau's certificate, as a stream: what was encrypted, in pieces.

One recipient, the bureau: RSA key transport (PKCS #1 v1.5, OAEP) or ECDH (RFC 5753, ephemeral-static), content under
AES in CBC. Other recipients, originators' certificates and unprotected attributes are refused: nothing would prove
that they are what the issuer wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from asn1crypto.cms import EncryptionAlgorithm, RecipientInfos
from asn1crypto.core import Integer

from cardfab.bureau.files.algorithms import CONTENT, EPHEMERAL, KDF, TRANSPORT, WRAP, shared_info
from cardfab.bureau.files.ber import CONSTRUCTED, CONTEXT, INTEGER, OID, SEQUENCE, SET, Ber
from cardfab.bureau.files.parts import AUTHENTICATED, DATA, ENVELOPED, SIGNED, der, names
from cardfab.bureau.files.recipient import Recipient
from cardfab.bureau.files.refusal import FileRefused, broken, not_opened, not_taken
from cardfab.crypto.cms import CbcContent, KeyNotOpened
from cardfab.errors import Text

__all__ = ["opened"]

_IV_BYTES: Final = 16


def opened(chunks: Iterator[bytes], recipient: Recipient) -> Iterator[bytes]:
    """What an EnvelopedData file holds, deciphered but not yet proved; the file is judged to its last byte at the end.

    Raises FileRefused: CF-3460 to CF-3465.
    """
    ber = Ber(chunks)
    _enter(ber)
    version = der(Integer, ber.part(INTEGER), ber.position).native
    if ber.peek() != SET:
        raise not_taken("it carries an originator's certificates", "附带了发送方证书")
    at = ber.position
    recipients = der(RecipientInfos, ber.part(SET), at)
    if len(recipients) != 1:
        raise not_taken(f"it is for {len(recipients)} recipients, not for the bureau alone", "收件方不止本中心一个")
    key, expected = _content_key(recipients[0], recipient, at)
    if version != expected:
        raise broken(at, f"the version is not {expected}", f"版本号不是 {expected}")
    ber.enter(SEQUENCE)
    if ber.part(OID) != DATA:
        raise not_taken("what is encrypted is not called data", "加密内容的类型不是 data")
    content = _cipher(ber, key)
    for piece in ber.octets(CONTEXT):
        if clear := content.update(piece):
            yield clear
    ber.leave()
    if ber.peek() is not None:
        raise not_taken("it carries attributes that nothing protects", "附带了未受保护的属性")
    for _ in range(3):
        ber.leave()
    ber.finish()
    try:
        last = content.finish()
    except ValueError:
        raise not_opened() from None
    if last:
        yield last


def _enter(ber: Ber) -> None:
    """Into the EnvelopedData, past its name."""
    if ber.peek() != SEQUENCE:
        raise FileRefused(
            Text(
                "The file is not an encrypted file (CMS in DER or BER).", "文件不是加密文件（DER 或 BER 编码的 CMS）。"
            ),
            do=Text(
                "Nothing was taken in. Ask for it as 'openssl cms -encrypt -outform DER' writes it.",
                "未接收任何内容。请要求以 openssl cms -encrypt -outform DER 的形式提供。",
            ),
        )
    ber.enter(SEQUENCE)
    at = ber.position
    name = ber.part(OID)
    if name == SIGNED:
        raise not_taken("it is signed and not encrypted", "只签名而未加密")
    if name == AUTHENTICATED:
        raise not_taken("AES in GCM; encrypt with AES in CBC", "使用了 AES-GCM，请改用 AES-CBC")
    if name != ENVELOPED:
        raise broken(at, "it is no enveloped data", "不是数字信封")
    ber.enter(CONTEXT | CONSTRUCTED)
    ber.enter(SEQUENCE)


def _content_key(info: Any, recipient: Recipient, at: int) -> tuple[bytes, int]:
    """The key of the content, and the version that the EnvelopedData must have with such a recipient."""
    try:
        if info.name == "ktri":
            return _transported(info.chosen, recipient, at)
        if info.name == "kari":
            return _agreed(info.chosen, recipient, at), 2
    except KeyNotOpened:
        raise not_opened() from None
    raise not_taken("neither key transport nor key agreement", "既非密钥传输也非密钥协商")


def _transported(info: Any, recipient: Recipient, at: int) -> tuple[bytes, int]:
    by_key = info["rid"].name == "subject_key_identifier"
    if info["version"].dump()[-1] != (2 if by_key else 0):
        raise broken(at, "the recipient's version is wrong", "收件方版本号错误")
    _require_bureau(info["rid"], recipient)
    scheme = TRANSPORT.get(info["key_encryption_algorithm"].dump().hex())
    if scheme is None:
        raise not_taken("its way of key transport is not known here", "不支持其密钥传输算法")
    return recipient.key.opened(scheme, info["encrypted_key"].native), 2 if by_key else 0


def _agreed(info: Any, recipient: Recipient, at: int) -> bytes:
    if info["version"].dump()[-1] != 3:
        raise broken(at, "the recipient's version is wrong", "收件方版本号错误")
    keys, algorithm = info["recipient_encrypted_keys"], info["key_encryption_algorithm"]
    if len(keys) != 1:
        raise not_taken(f"it is for {len(keys)} recipients, not for the bureau alone", "收件方不止本中心一个")
    _require_bureau(keys[0]["rid"], recipient)
    origin, wrap = info["originator"], algorithm["parameters"].dump()
    kdf, bits = KDF.get(algorithm["algorithm"].dotted), WRAP.get(wrap.hex())
    if origin.name != "originator_key" or origin.chosen["algorithm"].dump().hex() != EPHEMERAL:
        raise not_taken("key agreement without an ephemeral key", "密钥协商未使用临时密钥")
    if kdf is None or bits is None:
        raise not_taken("its way of key agreement is not known here", "不支持其密钥协商算法")
    shared, point = shared_info(wrap, bits, info["ukm"].native), origin.chosen["public_key"].native
    return recipient.key.agreed(point, kdf, shared, bits, keys[0]["encrypted_key"].native)


def _require_bureau(rid: Any, recipient: Recipient) -> None:
    if not names(rid, recipient.certificate):
        raise FileRefused(
            Text("The file is encrypted for another certificate.", "文件是为其他证书加密的。"),
            do=Text(
                "Nothing was taken in. Send the issuer the bureau's certificate and ask for the file anew.",
                "未接收任何内容。请将本中心证书发给发行方，并请其重新制作。",
            ),
            code="CF-3463",
        )


def _cipher(ber: Ber, key: bytes) -> CbcContent:
    at = ber.position
    algorithm = der(EncryptionAlgorithm, ber.part(SEQUENCE), at)
    size = CONTENT.get(algorithm["algorithm"].dump().hex())
    if size is None:
        raise not_taken("its content cipher is not AES in CBC", "内容加密算法不是 AES-CBC")
    iv = algorithm["parameters"].native
    if not isinstance(iv, bytes) or len(iv) != _IV_BYTES:
        raise broken(at, f"the IV has not {_IV_BYTES} bytes", f"初始向量不是 {_IV_BYTES} 字节")
    if len(key) != size:
        raise not_opened()
    return CbcContent(key, iv)
