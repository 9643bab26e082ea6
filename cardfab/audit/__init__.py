"""The tamper-evident record: events, a Merkle log with signed checkpoints, a single-file export verified offline.

Pure: no file, clock, random or database. The store keeps leaves and checkpoints, the key store signs; both hand in
arguments. The format, byte by byte, and what it proves: ``docs/audit.md``.
"""

from cardfab.audit.account import Accounts, OpenIntent, Places, StockAccount, account
from cardfab.audit.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from cardfab.audit.event import AuditEvent, Outcome, milliseconds
from cardfab.audit.export import Export, parse_export
from cardfab.audit.merkle import (
    EMPTY_ROOT,
    CompactRange,
    MerkleTree,
    hash_leaf,
    hash_node,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from cardfab.audit.note import NoteSignature, Sign, SignedNote, VerifierKey, open_note, sign_note
from cardfab.audit.privacy import leaks
from cardfab.audit.proof import ConsistencyProof, InclusionProof, Proof, parse_proof
from cardfab.audit.refused import AuditRefused
from cardfab.audit.verify import ExportReport, verify_export, write_export
from cardfab.audit.witness import Countersigned, countersign, merged

__all__ = [
    "EMPTY_ROOT",
    "Accounts",
    "AuditEvent",
    "AuditRefused",
    "Checkpoint",
    "CompactRange",
    "ConsistencyProof",
    "Countersigned",
    "Export",
    "ExportReport",
    "InclusionProof",
    "MerkleTree",
    "NoteSignature",
    "OpenIntent",
    "Outcome",
    "Places",
    "Proof",
    "Sign",
    "SignedNote",
    "StockAccount",
    "VerifierKey",
    "account",
    "countersign",
    "hash_leaf",
    "hash_node",
    "leaks",
    "merged",
    "milliseconds",
    "open_checkpoint",
    "open_note",
    "parse_export",
    "parse_proof",
    "root_of",
    "sign_checkpoint",
    "sign_note",
    "verify_consistency",
    "verify_export",
    "verify_inclusion",
    "write_export",
]
