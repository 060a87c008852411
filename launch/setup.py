"""What every binary sets before it works: logs, compile cache, errors."""

import ast
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
from absl import flags
from ml_collections import config_flags

import configs

# What is told in one line: a mistake of the user's, or of their disk's.
TOLD = (ValueError, OSError)

_NONE = (
  "config.{}: the config file leaves this field None, where no flag can fill "
  "it; set it in the file"
)
_PLAINER = {
  r"flag --(\w+)=None: Flag .* other than None": (
    "--{} must be given; --help lists the flags"
  ),
  r"Type <class 'NoneType'> of field config.(\S+) is not": _NONE,
  r"Override (\S+) can not be applied because field .* is None": _NONE,
  r"module 'config_config' has no": "{file} has no function get_config()",
  r"^(Unknown command line flag .*)$": "{}; --help lists the flags",
  r"^flag (--\S+: .*)$": "{}",
  r"^'(\w+)'$": (
    "the config file has no field {}, and no flag can add one; give what it "
    "returns to rrm_jax.config.complete first, which adds what is left out"
  ),
  r"because of an earlier failure to load: (.*)$": "{file}: {}",
}

flags.disclaim_key_flags()  # what is defined here is of who calls it

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


def output_folder(name: str, flag: str = "output") -> Path:
  """The folder to write to, made if it is not there.

  Args:
    name: The folder.
    flag: What named it, for messages.

  Raises:
    ValueError: it cannot be made, or not be written to, or is a model's.
  """
  folder = Path(name)
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise ValueError(
      f"--{flag}={name}: {error.strerror}; choose another folder"
    ) from None
  if not os.access(folder, os.W_OK):
    raise ValueError(
      f"--{flag}={name} is not yours to write; choose another folder"
    )
  if flag == "output" and (folder / "config.json").exists():
    raise ValueError(
      f"--{flag}={name} is a model's folder, whose report would be lost; "
      "choose another folder"
    )
  return folder


def keep_others(report: Path, run: Mapping[str, str]) -> None:
  """Refuses to write a report over that of another run.

  Args:
    report: Where it is to be.
    run: What tells runs apart, by its name in the report.

  Raises:
    ValueError: it is another run's.
  """
  if not report.exists():
    return
  there = json.loads(report.read_text(encoding="utf-8"))
  other = [
    f"{name}={there.get(name)!r} there, {value!r} now"
    for name, value in run.items()
    if there.get(name) != value
  ]
  if other:
    raise ValueError(
      f"{report} is of another run: {', '.join(other)}; choose another "
      f"--output, or delete {report.parent}"
    )


def config_flag(help_string: str, default: str = "") -> flags.FlagHolder:
  """Defines --config: a Python file, and its fields.

  Args:
    help_string: What it is for.
    default: The project's own file that is taken if none is given; without
      it one must be.
  """
  own = str(_CONFIGS / default) if default else None
  flag = config_flags.DEFINE_config_file(
    "config", own, f"{help_string} --helpfull lists the fields."
  )
  if not default:
    flags.mark_flag_as_required("config")
  return flag


def parse_flags(argv: list[str]) -> list[str]:
  """Flags as absl parses them, a mistake in one line in place of a trace.

  A mistyped config field is named with the nearest right one, and a mistake in
  the config file with its line.
  """
  try:
    rest = flags.FLAGS(argv)
    if "config" in flags.FLAGS:
      _check_config()
    return rest
  except (
    flags.Error,
    OSError,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
  ) as error:
    fail(ValueError(_plainer(error, argv)))
    sys.exit(1)


def _check_config() -> None:
  """Holds the config file to what `get_config` returns.

  Raises:
    OSError: the file, or what it reads, is not there.
    TypeError: it returns something else.
  """
  made = flags.FLAGS.config
  if made is None or isinstance(made, dict):
    raise TypeError(
      f"its get_config() returns {type(made).__name__}, must return an "
      "ml_collections.ConfigDict"
    )
  made.lock()  # a file that is not there is told of at use


def _plainer(error: Exception, argv: Sequence[str]) -> str:
  """What absl and ml_collections say, for who does not know their insides."""
  text = str(error)
  if text[:1] in ("'", '"'):  # as ml_collections quotes and escapes it
    text = ast.literal_eval(text)
  last = text.splitlines()[-1].strip()
  file = _config_file(argv)
  if isinstance(error, OSError) and not Path(file).exists():
    own = ", ".join(sorted(path.name for path in _CONFIGS.glob("[a-z]*.py")))
    return f"--config: {last}; {_CONFIGS} has {own}"
  for pattern, plain in _PLAINER.items():
    if found := re.search(pattern, text):
      return plain.format(*found.groups(), file=file)
  whole = "".join(traceback.format_exception(error))
  lines = re.findall(f'File "{re.escape(file)}", line ([0-9]+)', whole)
  if file and lines:
    return f"{file}:{lines[-1]}: {last}"
  fields = [flag for flag in argv if flag.startswith("--config.")]
  return f"{' '.join(fields) or f'--config={file}'}: {last}"


def _config_file(argv: Sequence[str]) -> str:
  """The --config of a command; "" if none is given."""
  for flag, after in zip(argv, [*argv[1:], ""], strict=True):
    if flag == "--config":
      return after
    if flag.startswith("--config="):
      return flag.removeprefix("--config=")
  return ""


def fail(error: Exception) -> None:
  """An error of the user's in one line; RRM_DEBUG=1 shows where it arose."""
  if os.environ.get("RRM_DEBUG"):
    traceback.print_exception(error)
  print(f"error: {error}", file=sys.stderr)
