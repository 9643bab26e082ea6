"""One operator's place: claims jobs, drives reader and printer, recovers, keeps the books."""
