"""Counter services: a holder, an identity check, a card in the reader, a receipt."""
