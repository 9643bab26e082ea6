"""The same acts as JSON, for the bank's own front end."""
