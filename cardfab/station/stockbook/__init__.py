"""The stock book: what comes in, goes to the machine, is spoiled, tested, sent back, destroyed; the day's close."""
