"""One file per run that someone would start."""
