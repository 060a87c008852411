"""Device code: prefill, the decode loop and its thinking budgets."""
