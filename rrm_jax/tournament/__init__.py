"""Candidates that meet in pairs until the best is known, for any judge."""
