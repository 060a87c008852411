"""Whether one run of launch.evaluate is better than another."""
