"""Acts of the outlet that page and API share."""
