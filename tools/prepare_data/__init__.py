"""What gets data ready: reading, checking, keeping, and making pairs."""
