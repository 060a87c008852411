"""Reward reasoning models on JAX: judges that think before they decide."""
