"""Runs a suite of measurements; its own flags follow its name.

python -m tools.benchmark hf [--preset=qwen2.5-0.5b] [--dtype=bfloat16]
python -m tools.benchmark rollout [--workloads=equal,ragged] [--output=DIR]
python -m tools.benchmark decode [--slots=16] [--live=256]
python -m tools.benchmark learner [--workloads=judging,writing]
python -m tools.benchmark update [--lesson=judging]
"""

import sys

from absl import app

from launch import setup

SUITES = ("hf", "rollout", "decode", "learner", "update")


def start() -> None:
  """Hands over to the suite."""
  name = sys.argv[1] if len(sys.argv) > 1 else ""
  if name == "hf":
    from tools.benchmark import hf

    hf.define()
    main = hf.main
  elif name == "rollout":
    from tools.benchmark import rollout

    rollout.define()
    main = rollout.main
  elif name == "decode":
    from tools.benchmark import decode

    decode.define()
    main = decode.main
  elif name == "learner":
    from tools.benchmark import learner

    learner.define()
    main = learner.main
  elif name == "update":
    from tools.benchmark import update

    update.define()
    main = update.main
  else:
    given = f"{name!r} is no suite" if name else "which suite?"
    setup.fail(
      ValueError(f"{given} python -m tools.benchmark {' | '.join(SUITES)}")
    )
    sys.exit(1)
  app.run(main, sys.argv[1:], flags_parser=setup.parse_flags)


if __name__ == "__main__":
  start()
