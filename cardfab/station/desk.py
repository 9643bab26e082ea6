"""One operator's place: what every act at it needs, and the two sentences every act writes (history, audit)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cardfab.apdu.dialect import CosDialect
from cardfab.audit import AuditEvent, Checkpoint, Outcome, VerifierKey, milliseconds, sign_checkpoint
from cardfab.face.fonts import FontBook
from cardfab.keys import KeyStore
from cardfab.plan import Run
from cardfab.plan.authority import CertificateAuthority
from cardfab.prepare.financial import TakeKey
from cardfab.production import Person
from cardfab.profile.application import FileApplication
from cardfab.profile.card import CardProfile
from cardfab.profile.codes import CodeTables
from cardfab.profile.dialect import DialectProfile
from cardfab.profile.face import FaceTemplate
from cardfab.profile.financial import FinancialApplication
from cardfab.profile.loader import ProfileSource, load
from cardfab.profile.product import Product
from cardfab.station.pinpad import PinPad
from cardfab.store import Database, Move, Transaction

AUDIT_KEY = "station/audit"


@dataclass(frozen=True, slots=True)
class ProductSet:
    """A product with every profile it names."""

    product: Product
    card: CardProfile
    files: FileApplication
    financial: FinancialApplication
    face: FaceTemplate
    dialect: CosDialect | None = None
    """Of the chips' operating system, where the station makes blanks of them."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A station in use by a person. Clock and random come in as arguments, so that a test can hold them."""

    station: str
    training: bool
    person: Person
    database: Database
    keys: KeyStore
    profiles: ProfileSource
    fonts: FontBook
    now: Callable[[], datetime]
    random: Callable[[int], bytes]
    authority: CertificateAuthority | None = None
    """Who certifies the keys of third-generation cards."""
    chip_keys: TakeKey | None = None
    """Gives RSA keys for payment applications, made ahead."""
    pin_pad: PinPad | None = None
    """Where holders enter the first PIN of products that want it."""

    def run(self, historical: bytes, region: str = "000000") -> Run:
        """A carrying-out on the chip with these historical bytes; its region is asked of the chip where it has one."""
        return Run(self.keys, historical, self.random, region=region, ca=self.authority)

    def at(self) -> str:
        """The present moment as the tables keep it."""
        return milliseconds(self.now()).isoformat(timespec="milliseconds")

    def token(self) -> str:
        """A random name for something that must not be guessable from what it names."""
        return self.random(16).hex()

    def move(self, note: str = "") -> Move:
        """The person moves a job now."""
        return Move(self.at(), self.person.login, note)

    def event(self, action: str, subject: str, outcome: Outcome, details: Mapping[str, str]) -> AuditEvent:
        """An audit event of this person at this station, now."""
        now = milliseconds(self.now())
        return AuditEvent(now, self.person.login, self.station, action, subject, outcome, details)

    def audit_key(self) -> VerifierKey:
        """The public key that checks this station's record."""
        return VerifierKey(f"cardfab/{self.station}", self.keys.public(AUDIT_KEY))

    def checkpoint(self, tx: Transaction) -> None:
        """Sign the record as it stands, in the transaction that made it so."""
        tree = tx.audit.tree()
        head = Checkpoint.at(milliseconds(self.now()), f"cardfab/{self.station}", tree.size, tree.root())
        tx.audit.add_checkpoint(tree.size, sign_checkpoint(head, self.audit_key(), self.sign_audit))

    def sign_audit(self, message: bytes) -> bytes:
        """The station's signature over a checkpoint."""
        return self.keys.sign(AUDIT_KEY, message)

    def codes(self) -> CodeTables:
        """The code tables of this kind of station."""
        return load(self.profiles, "codes", "training" if self.training else "station", CodeTables)

    def product(self, name: str) -> ProductSet:
        """A product with all it names; raises ProfileRefused."""
        product = load(self.profiles, "products", name, Product)
        card = load(self.profiles, "cards", product.card, CardProfile)
        dialect = None if card.dialect is None else load(self.profiles, "dialects", card.dialect, DialectProfile)
        return ProductSet(
            product=product,
            card=card,
            files=load(self.profiles, "applications", product.files, FileApplication),
            financial=load(self.profiles, "applications", product.financial, FinancialApplication),
            face=load(self.profiles, "faces", product.face, FaceTemplate),
            dialect=None if dialect is None else dialect.dialect(),
        )
