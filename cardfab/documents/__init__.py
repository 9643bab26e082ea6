"""Paper: what a station prints for people, as PDF."""

from .claim import DocumentRefused, TemporaryClaim, read_claim
from .counter import (
    Area,
    Change,
    DocumentSeen,
    Group,
    Holder,
    HolderSheet,
    Line,
    Made,
    Receipt,
    Records,
    Settlement,
    Share,
    Statement,
    Step,
    Transaction,
    Unread,
)
from .receipt import Form, receipt_pdf
from .sheet import holder_sheet_pdf
from .statement import statement_pdf, statement_rows, statement_sums
from .temporary import IdentityChecked, TemporaryCard, temporary_card_pdf
from .wording import figures, hidden

__all__ = [
    "Area",
    "Change",
    "DocumentRefused",
    "DocumentSeen",
    "Form",
    "Group",
    "Holder",
    "HolderSheet",
    "IdentityChecked",
    "Line",
    "Made",
    "Receipt",
    "Records",
    "Settlement",
    "Share",
    "Statement",
    "Step",
    "TemporaryCard",
    "TemporaryClaim",
    "Transaction",
    "Unread",
    "figures",
    "hidden",
    "holder_sheet_pdf",
    "read_claim",
    "receipt_pdf",
    "statement_pdf",
    "statement_rows",
    "statement_sums",
    "temporary_card_pdf",
]
