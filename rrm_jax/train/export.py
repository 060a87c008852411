"""A workdir's weights as a Hugging Face folder.

What was written is read back before the folder gets its name: a judge that
was exported wrongly gives no error, only worse verdicts.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

from rrm_jax import config, sharding, weights, workdir
from rrm_jax.analysis import model_card
from rrm_jax.batches import Params
from rrm_jax.metrics import Progress
from rrm_jax.model import hf, hf_config
from rrm_jax.records import Comparison, Message
from rrm_jax.sharding import Layout
from rrm_jax.text import templates
from rrm_jax.text import tokenizer as tokenizers
from rrm_jax.text.tokenizer import Tokenizer

# What tokenizers part on: other scripts, digits, spaces, line ends, accents in
# both forms, special tokens.
_SAMPLES = (
  "Which of the two is better, and why?",
  "  x = [1234, -5.6e7]\r\n\tif x:\n\n\n    return 'ok'  ",
  "Größe, Gro\u0308ße, 日本語の文, ثلاثة, \U0001f9d1\u200d\U0001f680",
  "<think>\nA step.\n</think>\n\n\\boxed{Assistant 1}",
)
_TURN = "Name a prime number between 20 and 30."


class _Judge(NamedTuple):
  """What is exported."""

  job: config.Job
  cfg: config.Model
  params: Params
  role: str
  tokenizer: Tokenizer
  template: config.Template


def export(
  source: Path,
  output: Path,
  *,
  role: str = "",
  dtype: str | None = None,
  shard_bytes: int = 5_000_000_000,
  layout: Layout | None = None,
  verified: bool = True,
) -> int:
  """Writes weights with all that others need to use them.

  Args:
    source: A workdir.
    output: The folder to make: weights, config.json, generation_config.json,
      the tokenizer with its chat template, judge.json, and README.md.
    role: Which weights, "" for those that the workdir stands for.
    dtype: Of the tensors. By default as they were saved; but bfloat16 for the
      f32 masters of a model that computes in it.
    shard_bytes: The most for one file of weights.
    layout: Over which devices the weights lie meanwhile; all by default.
    verified: Whether to read everything back. Only a benchmark does without.

  Returns:
    Bytes of all tensors.

  Raises:
    ValueError: there are no such weights, `output` is not empty, others could
      not read the tokenizer, or what was read back is not what was written.
  """
  job = workdir.read_config(source)
  role = role or weights.role_of(job)
  with workdir.whole_folder(output) as half:
    judge = _Judge(
      job,
      _exported(job.model),
      weights.saved_params(
        job, source, role, layout or sharding.layout(config.Mesh()), dtype=None
      ),
      role,
      weights.tokenizer_of(job, source),
      weights.template_of(job, role),
    )
    dtype = dtype or _dtype(judge)
    total = hf.size(judge.cfg, dtype)
    with Progress(f"writing {output}", total, "B") as progress:
      hf.save(
        judge.params, judge.cfg, half, dtype, shard_bytes,
        lambda done: progress.update(done, {}),
      )  # fmt: skip
    _write_words(judge, half, dtype, _report(source))
    if verified:
      _verify_words(judge, half)
      with Progress(f"verifying {output}", total, "B") as progress:
        hf.verify(
          judge.params, judge.cfg, half, dtype,
          lambda done: progress.update(done, {}),
        )  # fmt: skip
  return total


def _exported(cfg: config.Model) -> config.Model:
  """The model as a folder can tell it."""
  window = cfg.sliding_window if cfg.sliding_layers else 0
  return dataclasses.replace(cfg, sliding_window=window, remat="none")


def _dtype(judge: _Judge) -> str:
  saved = str(judge.params["embedding"].dtype)
  return saved if saved != "float32" else judge.cfg.compute_dtype


def _report(source: Path) -> dict[str, Any] | None:
  path = source / "report.json"
  if not path.is_file():
    return None
  try:
    return json.loads(path.read_text(encoding="utf-8"))
  except ValueError as error:
    raise ValueError(f"{path} is no JSON: {error}") from None


def _write_words(
  judge: _Judge, folder: Path, dtype: str, report: dict[str, Any] | None
) -> None:
  """Everything but the weights."""
  tokenizer = judge.tokenizer
  bos = tokenizer.backend.id_of(tokenizer.bos) if tokenizer.bos else None
  if not tokenizer.portable:
    raise ValueError(
      "a sentencepiece tokenizer beside a Qwen2 config.json is read as another "
      "by transformers' AutoTokenizer, silently; convert it to tokenizer.json, "
      "check that its ids are the same, and name that folder as the job's "
      "tokenizer"
    )
  tokenizer.save(folder)
  templates.save(folder, judge.template)
  shape = hf_config.to_hf_config(
    judge.cfg, dtype, eos=tokenizer.stop_ids[0], pad=tokenizer.pad_id, bos=bos
  )
  _write_json(folder / "config.json", shape)
  _write_json(
    folder / "generation_config.json",
    {
      "eos_token_id": list(tokenizer.stop_ids),
      "pad_token_id": tokenizer.pad_id,
      **({} if bos is None else {"bos_token_id": bos}),
      # RRM's decoding; left out, transformers would cut to the top 50.
      "do_sample": True,
      "temperature": 0.6,
      "top_p": 1.0,
      "top_k": 0,
    },
  )
  card = model_card.card(
    judge.job, report, role=judge.role, template=judge.template
  )
  (folder / "README.md").write_text(card, encoding="utf-8")


def _write_json(path: Path, content: dict[str, Any]) -> None:
  path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _verify_words(judge: _Judge, folder: Path) -> None:
  """Raises unless config and tokenizer read back as they are."""
  found = hf_config.read(folder, judge.cfg.compute_dtype)
  if found != judge.cfg:
    raise ValueError(
      f"{folder / 'config.json'} reads back as {found}, not {judge.cfg}"
    )
  asked = templates.saved(folder)
  assert asked is not None
  as_it_was = dataclasses.replace(asked, file=judge.template.file)
  words = templates.wording(asked), templates.wording(judge.template)
  if as_it_was != judge.template or words[0] != words[1]:
    raise ValueError(f"{folder}: the template reads back as {asked}")
  check_tokenizer(judge.tokenizer, tokenizers.load(str(folder)), asked)


def check_tokenizer(
  ours: Tokenizer, theirs: Tokenizer, template: config.Template
) -> None:
  """Holds a tokenizer that was read back to what it was.

  Raises:
    ValueError: vocabulary, special ids, ids of sample texts or prompts differ.
  """
  differing = [
    f"{name}: {one!r:.200} became {other!r:.200}"
    for (name, one), other in zip(
      _habits(ours, template).items(),
      _habits(theirs, template).values(),
      strict=True,
    )
    if one != other
  ]
  if differing:
    raise ValueError(
      f"the tokenizer reads back otherwise: {'; '.join(differing)}"
    )


def _habits(tokenizer: Tokenizer, template: config.Template) -> dict[str, Any]:
  """What a tokenizer makes of samples, its refusals included."""
  question = Comparison("sample", (Message("user", _TURN),), ("23", "21"))
  asked = templates.messages(template, question)
  return {
    "texts of ids": tokenizer.decode_batch(
      [[i] for i in range(tokenizer.vocab_size)]
    ),
    "stop ids": tokenizer.stop_ids,
    "pad id": tokenizer.pad_id,
    "bos": tokenizer.bos,
    **{
      f"ids of {text!r}": _outcome(tokenizer.encode, text) for text in _SAMPLES
    },
    **{
      f"prompt with thinking={thinking}": _outcome(
        tokenizer.prompt, asked, thinking
      )
      for thinking in (True, False)
    },
    **{
      f"prompt's text with thinking={thinking}": _outcome(
        tokenizer.chat, asked, thinking
      )
      for thinking in (True, False)
    },
  }


def _outcome(function: Any, *arguments: Any) -> Any:
  try:
    return function(*arguments)
  except ValueError as error:
    return str(error)
