"""The command line: one small module a command group; ``wiring`` alone joins parts into a running whole."""
