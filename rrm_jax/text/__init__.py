"""Host code: tokens, templates, verdicts and rewards."""
