"""Move and print a card: takes panels and tracks, knows nothing of faces or people."""
