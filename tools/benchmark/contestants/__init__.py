"""The contestants of the suites that have peers, each a process of its own."""
