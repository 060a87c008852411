"""Host code: where comparisons come from."""
