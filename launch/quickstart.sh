#!/usr/bin/env bash
# The paper in miniature, from nothing: installs, trains a small judge from
# scratch on the CPU, and measures it.
#
#   bash launch/quickstart.sh                        # into runs/mini
#   WORKDIR=runs/other bash launch/quickstart.sh --config.seed=1
#
# The same command continues a run that was interrupted.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
prepare ""
cd "$repository"
workdir="${WORKDIR:-runs/mini}"
python -m launch.train --config=configs/mini.py --workdir="$workdir" "$@"
cat <<END

$workdir
  report.json    what was measured at the end
  metrics.jsonl  the figures of every step
  rollouts/      samples to read
  checkpoints/   the weights
  tensorboard/   for: tensorboard --logdir=$workdir (pip install tensorboard)
END
