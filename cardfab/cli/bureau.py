"""``cardfab bureau``: issuers' batches, from their file to cards that are accounted for."""

from __future__ import annotations

import typer

app = typer.Typer(help="Batches of issuers: taken in, prepared, made, reconciled.", no_args_is_help=True)

__all__ = ["app"]
