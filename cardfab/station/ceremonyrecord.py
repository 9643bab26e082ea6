"""The record of a ceremony, signed by the station: a JSON file and a PDF of the same number."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from cardfab.documents.ceremony import ceremony_pdf
from cardfab.documents.counter import Language, Made
from cardfab.documents.signing import sign_pdf
from cardfab.keys.ceremony import CeremonyRecord, SignedRecord, sign_record
from cardfab.station.desk import Desk
from cardfab.station.signing import DOCUMENTS_KEY, document_signer, documents_public


def sign_ceremony(desk: Desk, record: CeremonyRecord) -> SignedRecord:
    """The record, signed by the key of the station's papers; raises NoDocumentsKey where there is none."""
    return sign_record(record, DOCUMENTS_KEY, documents_public(desk), partial(desk.keys.sign, DOCUMENTS_KEY))


def ceremony_paper(desk: Desk, signed: SignedRecord, language: Language) -> bytes:
    """The same as a signed PDF; a training station's says SPECIMEN."""
    record = signed.record
    ended = datetime.fromisoformat(record.ended_at) if record.ended_at else desk.now()
    made = Made(record.id, desk.station, desk.person.name, ended, language, specimen=desk.training or record.rehearsal)
    pdf = ceremony_pdf(signed, made, desk.fonts)
    reason = f"{record.kind} {record.label} v{record.version}"
    return sign_pdf(pdf, document_signer(desk), when=desk.now(), reason=reason, name=desk.station)
