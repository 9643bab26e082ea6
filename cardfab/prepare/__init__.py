"""From a request to a prepared card: import and its rules, records, the financial application."""
