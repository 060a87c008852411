"""Judgements that need not be made twice."""
