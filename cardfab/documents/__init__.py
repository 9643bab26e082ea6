"""Paper: what a station prints for people, as PDF."""

from .claim import DocumentRefused, TemporaryClaim, read_claim
from .temporary import TemporaryCard, temporary_card_pdf

__all__ = ["DocumentRefused", "TemporaryCard", "TemporaryClaim", "read_claim", "temporary_card_pdf"]
