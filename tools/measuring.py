"""What moving weights took: seconds, and host memory at its peak."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import jax

from tools import host_memory


@dataclasses.dataclass
class Effort:
  """Filled in when the work is done.

  Attributes:
    seconds: Wall time.
    peak: Growth of this process's memory to its highest, in bytes.
  """

  seconds: float = 0.0
  peak: int = 0

  def line(self, tensors: int, folder: Path) -> str:
    """What a user wants to know of it.

    Args:
      tensors: Bytes of the weights, as they lie in the devices' memory and on
        disk. On CPUs the former is the host's, and not counted as overhead.
      folder: What was made.
    """
    beyond = self.peak - (tensors if jax.default_backend() == "cpu" else 0)
    return (
      f"{tensors / 1e9:.3f} GB in {self.seconds:.1f} s, "
      f"{tensors / 1e9 / self.seconds:.2f} GB/s, {max(0, beyond) / 1e9:.2f} GB "
      f"of host memory beside the weights at most\n{folder}"
    )


@contextlib.contextmanager
def effort() -> Iterator[Effort]:
  """Measures what happens inside."""
  spent = Effort()
  before = host_memory.peak()
  begun = time.perf_counter()
  yield spent
  spent.seconds = time.perf_counter() - begun
  spent.peak = host_memory.peak() - before
