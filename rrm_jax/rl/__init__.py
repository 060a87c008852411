"""Device code: advantages, losses and the learner."""
