"""Device code: the array functions that models and losses are made of."""
