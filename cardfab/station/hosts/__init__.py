"""Issuer hosts: adapters by family, each told its province by a profile, and the outbox of what may wait."""
