"""The certificate application of a third-generation card, as exchanges: keys, PINs, certificates, master keys.

No standard of it is published; the commands are those of a live writer of cards, where not said otherwise.
Everything under a key is SM4. PINs and keys are seen from outside only (:class:`PkiPin`).
"""

from __future__ import annotations

from typing import Protocol

from cardfab.apdu import commands
from cardfab.apdu.dialect import DirectKey, LoadKey, Protection, write_key
from cardfab.apdu.line import take_challenge
from cardfab.apdu.link import CardAnswerMalformed, Exchange, expect
from cardfab.apdu.message import CommandApdu

CHALLENGE = 16
POINT = 64
ENVELOPE = 112
"""Bytes of a session key under the chip's public key: X | Y, hash, 16 bytes."""
MANAGER, USER = 0x00, 0x81
"""P2 of VERIFY."""
_NEW_KEY = 0x10
"""The reference that an imported session key gets."""
_REPLACE_MASTER = bytes.fromhex("84D40100")
_CHANGE_MANAGER, _CHANGE_USER, _RESET_USER = (bytes.fromhex(head) for head in ("845E0100", "845E0181", "845E0281"))
_NOT_FOUND = 0x6A82


class PkiPin(Protocol):
    """A PIN of the application: its key is the first half of its SM3 hash."""

    def proof(self, challenge: bytes, /) -> bytes:
        """SM4 of a challenge of 16 bytes."""

    def change(self, challenge: bytes, header: bytes, /) -> bytes:
        """The new PIN under this one, and a MAC over ``header`` of five bytes and it, IV the challenge: 20 bytes."""


def read_public_key(fid: int) -> Exchange[bytes]:
    """A public key file: two bytes of its length, then X | Y."""
    yield from _select(fid)
    command = commands.read_binary(0, 2 + POINT, name=f"READ the public key {fid:04X}")
    answer = expect((yield command), command).data
    if len(answer) != 2 + POINT or int.from_bytes(answer[:2], "big") != POINT:
        raise CardAnswerMalformed(command.title, "it is no public key", "不是公钥")
    return answer[2:]


def verify(pin: PkiPin, reference: int, *, name: str = "") -> Exchange[None]:
    """Prove a PIN over the chip's challenge: the PIN itself does not go over the line."""
    challenge = yield from take_challenge(CHALLENGE)
    proof = pin.proof(challenge)
    command = CommandApdu(0x00, 0x20, 0x01, reference, proof, secret=True, name=name or "VERIFY (PKI)")
    expect((yield command), command)


def import_encryption_key(
    envelope: bytes, public: bytes, private: bytes, *, signing_key: int, public_file: int, private_file: int
) -> Exchange[None]:
    """The encryption key that the authority made: its session key opened by the chip, then the key pair under it.

    The chip gives the session key back, and takes it as a key: so a host that hears the line hears it, once.
    """
    opened = _object(0xC2, signing_key.to_bytes(2, "big")) + b"\xc1\x82" + len(envelope).to_bytes(2, "big") + envelope
    ask = CommandApdu(0x80, 0x4E, 0x00, 0x01, opened, 256, True, "open the envelope of the encryption key")
    session = expect((yield ask), ask).data
    if len(session) != 16:
        raise CardAnswerMalformed(ask.title, "it is no key of 16 bytes", "不是 16 字节密钥")
    pairs = (
        (0x80, 0x4A, 0x02, _NEW_KEY, _object(0xC1, session), "take the session key"),
        (0x80, 0xC2, 0x40, 0x00, _file(0xC0, public_file) + _object(0xCA, public), "import the public key"),
        (0x80, 0xC2, 0xC0, 0x01, _file(0xC2, private_file) + _object(0xCB, private), "import the private key"),
    )
    for cla, ins, p1, p2, data, name in pairs:
        command = CommandApdu(cla, ins, p1, p2, data, None, True, name)
        expect((yield command), command)


def write_certificate(fid: int, certificate: bytes, *, block: int) -> Exchange[None]:
    """A DER certificate from the start of its file."""
    yield from _select(fid)
    yield from commands.write_whole_binary(certificate, chunk=block)


def read_certificate(fid: int, room: int, *, block: int = 0xF0) -> Exchange[bytes]:
    """The DER certificate of a file, as long as it says itself; empty where the file holds none."""
    yield from _select(fid)
    content = yield from commands.read_whole_binary(room, chunk=block)
    return content[: _der_length(content)]


def enter(ddf: bytes, adf: bytes) -> Exchange[bool]:
    """Select the application by its two names; False where the card has none."""
    for aid, name in ((ddf, "SELECT PKI DDF"), (adf, "SELECT PKI ADF")):
        command = commands.select(aid, name=name)
        if not expect((yield command), command, _NOT_FOUND).sw.ok:
            return False
    return True


def change_manager_pin(pin: PkiPin) -> Exchange[None]:
    """Replace the manager's PIN; it must be proved again afterwards."""
    yield from _new_pin(pin, _CHANGE_MANAGER, "change the manager PIN")


def change_user_pin(pin: PkiPin) -> Exchange[None]:
    """Replace the user's PIN, which was proved, under itself; the new one is not proved by it."""
    yield from _new_pin(pin, _CHANGE_USER, "change the holder's PIN (PKI)")


def reset_user_pin(manager: PkiPin) -> Exchange[None]:
    """Set the user's PIN under the manager's, which was proved; its tries are full again."""
    yield from _new_pin(manager, _RESET_USER, "set the holder's PIN (PKI)")


def _new_pin(pin: PkiPin, head: bytes, name: str) -> Exchange[None]:
    challenge = yield from take_challenge(CHALLENGE)
    cla, ins, p1, p2 = head
    command = CommandApdu(cla, ins, p1, p2, pin.change(challenge, head + b"\x14"), None, True, name)
    expect((yield command), command)


def prove_master_key(key: DirectKey) -> Exchange[None]:
    """Prove the master key of the current directory over a challenge."""
    challenge = yield from take_challenge(CHALLENGE)
    command = CommandApdu(0x00, 0x82, 0x00, 0x00, key.answer(challenge), name="prove the master key (PKI)")
    expect((yield command), command)


def replace_master_key(key: LoadKey) -> Exchange[None]:
    """Replace the master key of the current directory under the one that was proved."""
    yield from write_key(
        key, _REPLACE_MASTER, Protection.ENCRYPTED_MAC, challenge=CHALLENGE, name="replace the master key (PKI)"
    )


def _select(fid: int) -> Exchange[None]:
    command = commands.select_file(fid)
    expect((yield command), command)


def _object(tag: int, value: bytes) -> bytes:
    return bytes((tag, len(value))) + value


def _file(tag: int, fid: int) -> bytes:
    return _object(tag, fid.to_bytes(2, "big"))


def _der_length(content: bytes) -> int:
    if content[:2] == b"\x30\x82" and len(content) > 4:
        return 4 + int.from_bytes(content[2:4], "big")
    if content[:2] == b"\x30\x81" and len(content) > 3:
        return 3 + content[2]
    return 0
