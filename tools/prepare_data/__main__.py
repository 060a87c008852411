"""Reads a data set and keeps it, or makes pairs of sampled answers.

python -m tools.prepare_data --data=SPEC [--output=DIR]
python -m tools.prepare_data pairs --problems=SPEC --answers=SPEC --output=DIR
"""

import sys

from absl import app, flags

from launch import setup


def start() -> None:
  """Hands over to what is asked for; without a word that is a set."""
  global __doc__  # what --help shows
  if sys.argv[1:2] == ["pairs"]:
    from tools.prepare_data import pairs

    pairs.define()
    flags.adopt_module_key_flags(pairs)
    __doc__ = pairs.__doc__
    app.run(pairs.main, sys.argv[1:], flags_parser=setup.parse_flags)
  else:
    from tools.prepare_data import sets

    sets.define()
    flags.adopt_module_key_flags(sets)
    __doc__ = f"{__doc__}\n{sets.__doc__}"
    app.run(sets.main, flags_parser=setup.parse_flags)


if __name__ == "__main__":
  start()
