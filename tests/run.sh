#!/usr/bin/env bash
# Every check: lint, format, types, tests. Arguments go to pytest.
#
#   bash tests/run.sh
#   bash tests/run.sh tests/ops -k rope
#
# RRM_SHARED names a folder of real data; without it, the tests which need it
# are skipped, visibly.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../launch/environment.sh"
prepare "[test]"
cd "$repository"
ruff check
ruff format --check
mypy
# Files are dealt to processes: most of the time is compiling, on one core each.
python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile "$@"
