"""How a batch is brought to its end: reconciled, remade, handed over, closed, erased. Reads the database alone."""
