"""Chips, printers and readers to train, test and demonstrate on, written from the specifications by themselves."""
