"""Programs around the training: weights in and out, checks, benchmarks."""
