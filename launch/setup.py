"""What every binary sets before it works: logs, compile cache, errors."""

import logging
import os
import sys
import traceback
from pathlib import Path

import jax
from absl import app, flags
from ml_collections import config_flags

import configs

_CONFIGS = Path(configs.__path__[0]).resolve()


def quiet_logs() -> None:
  """Our own messages from INFO, everyone else's from WARNING, one line each."""
  logging.basicConfig(
    format="%(asctime)s %(message)s", datefmt="%H:%M:%S", force=True
  )
  root = logging.getLogger()
  root.setLevel(logging.INFO)
  for name in ("absl", "orbax", "jax", "etils", "tensorflow_datasets", "grain"):
    logging.getLogger(name).setLevel(logging.WARNING)


def compilation_cache() -> None:
  """Keeps compiled programs from run to run.

  In $JAX_COMPILATION_CACHE_DIR if that is set, else in the user's cache.
  """
  if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    jax.config.update(
      "jax_compilation_cache_dir", str(home / "rrm_jax" / "compiled")
    )


def output_folder(name: str) -> Path:
  """The folder to write to, made if it is not there.

  Raises:
    ValueError: it cannot be made, or not be written to.
  """
  folder = Path(name)
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise ValueError(
      f"--output={name}: {error.strerror}; choose another folder"
    ) from None
  if not os.access(folder, os.W_OK):
    raise ValueError(
      f"--output={name} is not yours to write; choose another folder"
    )
  return folder


def config_flag(help_string: str, default: str = "") -> flags.FlagHolder:
  """Defines --config: a Python file, and its fields.

  Args:
    help_string: What it is for.
    default: The project's own file that is taken if none is given; without
      it one must be.
  """
  own = str(_CONFIGS / default) if default else None
  flag = config_flags.DEFINE_config_file("config", own, help_string)
  if not default:
    flags.mark_flag_as_required("config")
  return flag


def parse_flags(argv: list[str]) -> list[str]:
  """Flags as absl parses them, a mistake in one line in place of a trace.

  A mistyped config field is named with the nearest right one.
  """
  try:
    rest = app.parse_flags_with_usage(argv)
    if "config" in flags.FLAGS:
      flags.FLAGS.config.lock()  # a file that is not there is told of at use
    return rest
  except OSError as error:
    why = str(error).splitlines()[-1].strip()
    own = ", ".join(sorted(path.name for path in _CONFIGS.glob("[a-z]*.py")))
    fail(ValueError(f"--config: {why}; {_CONFIGS} has {own}"))
    sys.exit(1)
  except (KeyError, AttributeError, TypeError, ValueError) as error:
    # ml_collections quotes and escapes its messages; the hint comes last.
    text = str(error).encode().decode("unicode_escape").strip("\"'")
    given = [flag for flag in argv if flag.startswith("--config.")]
    fail(ValueError(f"{' '.join(given)}: {text.splitlines()[-1]}"))
    sys.exit(1)


def fail(error: Exception) -> None:
  """An error of the user's in one line; RRM_DEBUG=1 shows where it arose."""
  if os.environ.get("RRM_DEBUG"):
    traceback.print_exception(error)
  print(f"error: {error}", file=sys.stderr)
