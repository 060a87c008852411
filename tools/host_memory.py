"""What a process has held; the standard library only, for any environment."""

import re
import resource
import sys
from pathlib import Path


def peak() -> int:
  """The most bytes of host memory that this process has held so far.

  Linux's `getrusage` would count those of the process that started it.
  """
  status = Path("/proc/self/status")
  if status.exists():
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
    if found:
      return int(found[1]) * 1024
  most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return most if sys.platform == "darwin" else most * 1024
