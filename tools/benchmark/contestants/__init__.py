"""The contestants of the rollout suite, each a process of its own."""
