"""Compiles the rollout engine for TPUs that are not there."""
