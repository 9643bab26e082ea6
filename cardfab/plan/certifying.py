"""Steps of the certificate application: the chip's key certified, keys and certificates written, rights changed, proof.

What is asked of the authority stands in the run, not in the plan: a plan is the same for every chip.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cardfab.apdu import pki
from cardfab.apdu.link import CardAnswered, Exchange
from cardfab.apdu.status import StatusWord
from cardfab.errors import Text
from cardfab.plan.authority import CertificateRequest, CertificateWrong, holder_key
from cardfab.plan.run import Comparison, Run


@dataclass(frozen=True, slots=True)
class Certify:
    """Read the chip's signing key and have it certified; nothing is written yet."""

    signing_public: int
    name: str = field(repr=False)
    number: str = field(repr=False)
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        public = yield from pki.read_public_key(self.signing_public)
        authority = run.authority()
        run.certificates = authority.certify(CertificateRequest(self.name, self.number, public))
        chain = authority.chain()
        for certificate, key in (
            (run.certificates.signing, public),
            (run.certificates.encryption, run.certificates.public),
        ):
            if holder_key(certificate, self.number, chain) != key:
                raise CertificateWrong("is over another key than was asked for", "的公钥与申请不符")


@dataclass(frozen=True, slots=True)
class VerifyPki:
    """Prove a PIN of the application; ``reference`` tells the manager's from the user's."""

    label: str
    reference: int
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        pin = run.keys.pki_pin(self.label, run.region, run.historical)
        yield from pki.verify(pin, self.reference, name=self.title.en)


@dataclass(frozen=True, slots=True)
class ImportEncryptionKey:
    """The encryption key that the authority made, into the chip."""

    signing_key: int
    public_file: int
    private_file: int
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        given = run.certified()
        yield from pki.import_encryption_key(
            given.envelope,
            given.public,
            given.private,
            signing_key=self.signing_key,
            public_file=self.public_file,
            private_file=self.private_file,
        )


@dataclass(frozen=True, slots=True)
class WriteCertificate:
    """One certificate into its file; ``encryption`` tells which."""

    fid: int
    encryption: bool
    block: int
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        given = run.certified()
        yield from pki.write_certificate(
            self.fid, given.encryption if self.encryption else given.signing, block=self.block
        )


@dataclass(frozen=True, slots=True)
class ChangeManagerPin:
    """The manager's PIN of before issue becomes that of after; then the new one is proved, which confirms it."""

    old: str
    new: str
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        yield from pki.change_manager_pin(run.keys.pki_pin(self.old, run.region, run.historical, new=self.new))
        confirmed = run.keys.pki_pin(self.new, run.region, run.historical)
        yield from pki.verify(confirmed, pki.MANAGER, name="prove the new manager PIN")


@dataclass(frozen=True, slots=True)
class ChangeUserPin:
    """The user's PIN of before issue becomes the PIN of the card; then the new one is proved, which confirms it."""

    old: str
    new: str
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        where = run.region, run.historical
        yield from pki.change_user_pin(run.keys.pki_pin(self.old, *where, new=self.new))
        yield from pki.verify(run.keys.pki_pin(self.new, *where), pki.USER, name="prove the holder's PIN (PKI)")


@dataclass(frozen=True, slots=True)
class ReplacePkiMaster:
    """The master key of the current directory replaced under the old one; then the new one is proved."""

    old: str
    new: str
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        where = run.region, run.historical
        yield from pki.prove_master_key(run.keys.master_key(self.old, *where))
        key = run.keys.load_key(self.new, *where, under=self.old, header=bytes(3), fill=0)
        yield from pki.replace_master_key(key)
        yield from pki.prove_master_key(run.keys.master_key(self.new, *where))


@dataclass(frozen=True, slots=True)
class ExpectCertificate:
    """A certificate on the chip: its chain holds, it names the holder, and it is over the chip's own key."""

    fid: int
    public_file: int
    room: int
    number: str = field(repr=False)
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        expected, found, sw = b"", b"", StatusWord(0x9000)
        try:
            expected = yield from pki.read_public_key(self.public_file)
            certificate = yield from pki.read_certificate(self.fid, self.room)
            found = holder_key(certificate, self.number, run.authority().chain())
        except CardAnswered as refused:
            sw = refused.sw
        except CertificateWrong:
            found = b""
        run.compared.append(Comparison(self.title, expected, found, sw))
