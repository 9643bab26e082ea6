"""What a reading terminal does with a card: exchanges without I/O, over the keys that the terminal holds."""
