#!/usr/bin/env bash
# The environment of the contestants that do not live in ours: Google Tunix.
#
#   bash tools/benchmark/peers.sh
#   python -m tools.benchmark rollout (or learner)
#
#   PYTHON  the interpreter to make it with; Tunix 0.1.7 wants 3.11 or newer
#   PEERS   its folder, by default .venv/peers, where the suite looks for it;
#           elsewhere: --peers_python=FOLDER/bin/python
#   JAX     what is installed of JAX; "jax[cuda13]==0.10.2" on a GPU,
#           "jax[tpu]==0.10.2" on a TPU
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../launch/environment.sh"
PEERS="${PEERS:-$repository/.venv/peers}"
if [[ ! -x "$PEERS/bin/python" ]]; then
  python="$(find_python)" || exit 1
  echo "making $PEERS with $("$python" --version)"
  "$python" -m venv "$PEERS"
fi
unset PYTHONPATH # what lies there is not this environment's
echo "installing google-tunix into $PEERS (minutes)"
"$PEERS/bin/python" -m pip install --quiet --disable-pip-version-check \
  "google-tunix==0.1.7" "${JAX:-jax==0.10.2}" "flax==0.12.8"
"$PEERS/bin/python" -c '
from importlib.metadata import version
from tunix.generate import sampler
from tunix.rl.grpo import grpo_learner
print("google-tunix", version("google-tunix"), "jax", version("jax"))
'
