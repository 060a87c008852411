"""Coin flips that are the same on every machine and for ever.

Orders, splits and controls hang on these rather than on a random stream:
adding a row to a file, or reading it elsewhere, must not change another row's
fate. Python's own `hash` of a text differs from process to process.
"""

import hashlib


def fraction(*parts: str) -> float:
  """A number in [0, 1) which depends on the texts and nothing else."""
  digest = hashlib.sha256("\0".join(parts).encode()).digest()
  return int.from_bytes(digest[:6], "big") / 2**48


def coin(*parts: str) -> bool:
  """A fair coin which depends on the texts and nothing else."""
  return fraction(*parts) < 0.5
