"""Programs that a user starts."""
