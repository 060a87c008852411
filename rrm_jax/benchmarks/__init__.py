"""Published benchmarks: the protocol and the scoring rule of each."""
