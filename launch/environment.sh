# For sourcing by bash scripts: the environment that everything runs in.
#
#   PYTHON  the interpreter to make it with; by default the newest of those
#           that constraints.txt was resolved for
#   VENV    its folder, by default .venv in the repository's root

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="${VENV:-$repository/.venv}"

# XLA's CPU backend asks for its temporary buffers anew at every call. By
# default glibc gives large blocks back to the kernel at once, so each call
# pays for mapping, zeroing and faulting in the same pages again. Keep them,
# in one arena, on huge pages.
export GLIBC_TUNABLES="glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0\
:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456\
:glibc.malloc.arena_max=1"

fail() {
  echo "error: $*" >&2
  exit 1
}

# Whether $1 is a Python that can make an environment for this project.
is_usable() {
  "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
    2>/dev/null
}

find_python() {
  local candidate
  if [[ -n "${PYTHON:-}" ]]; then
    is_usable "$PYTHON" ||
      fail "PYTHON=$PYTHON is no Python 3.11 or newer with venv and ensurepip"
    echo "$PYTHON"
    return
  fi
  for candidate in python3.13 python3.12 python3.11 python3; do
    if is_usable "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  fail "found no Python 3.11 or newer; install one, or set PYTHON"
}

# Makes the environment if need be, and installs the repository with the
# extras $1 ("" or "[test]"). Does nothing if what it would install is there.
prepare() {
  local extras="$1" python stamp wanted
  if [[ ! -x "$VENV/bin/python" ]]; then
    python="$(find_python)" || exit 1
    echo "making $VENV with $("$python" --version)"
    "$python" -m venv "$VENV"
  fi
  stamp="$VENV/installed$extras"
  wanted="$(cd "$repository" && "$VENV/bin/python" -c '
import hashlib, pathlib, sys
text = b"".join(pathlib.Path(p).read_bytes() for p in sys.argv[1:])
print(pathlib.Path.cwd(), hashlib.sha256(text).hexdigest())
' constraints.txt setup.cfg pyproject.toml)"
  if [[ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]]; then
    echo "installing rrm_jax$extras into $VENV (minutes, the first time)"
    (cd "$repository" &&
      "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check \
        -c constraints.txt -e ".$extras")
    echo "$wanted" >"$stamp"
  fi
  export PATH="$VENV/bin:$PATH"
}
