"""Measurements of this machine, one file per suite."""
