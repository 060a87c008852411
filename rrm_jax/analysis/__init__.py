"""What judgements say about a judge: numbers, intervals and pictures."""
