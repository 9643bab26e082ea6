"""The bureau: batches from an issuer's file to boxes of finished cards, each card accounted for."""
