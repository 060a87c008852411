"""Our model held to transformers' own, rung by rung."""
