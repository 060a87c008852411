"""The model card: what a judge is, was trained on, scored, and how to ask it.

Markdown with YAML front matter, as model hubs read it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rrm_jax import config
from rrm_jax.analysis.roles import LABELS
from rrm_jax.text import templates

_TAGS = ("reward-model", "reward-reasoning-model", "qwen2")

_TRANSFORMERS = """\
```python
import transformers

FOLDER = "."  # this one
{words}

tokenizer = transformers.AutoTokenizer.from_pretrained(FOLDER)
model = transformers.AutoModelForCausalLM.from_pretrained(FOLDER, dtype="auto")
user = (
  USER.replace("{{query}}", "...")
  .replace("{{response_1}}", "...")
  .replace("{{response_2}}", "...")
)
inputs = tokenizer.apply_chat_template(
  [{messages}],
  add_generation_prompt=True,
  return_dict=True,
  return_tensors="pt",{switch}
)
output = model.generate(**inputs, max_new_tokens={room})
print(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :]))
```"""


def card(
  job: config.Job,
  report: Mapping[str, Any] | None,
  *,
  role: str,
  template: config.Template,
) -> str:
  """The text of README.md beside exported weights.

  Args:
    job: The run that made them; one without stages imported them.
    report: The run's report.json, if there is one.
    role: Which of its weights these are, as "rl" or "rl@15".
    template: How they are to be asked.

  Raises:
    ValueError: the template's file is missing or incomplete.
  """
  parts = [
    _front(job),
    f"# {job.name}",
    _what(job, template),
    "## Training",
    *_training(job, role),
    "## Scores",
    *_scores(report, role),
    "## Use",
    *_use(template),
    "## Limits",
    _limits(job, report),
    "## Configuration",
    _details("The whole run as JSON", config.to_mapping(job)),
  ]
  return "\n\n".join(parts) + "\n"


def _front(job: config.Job) -> str:
  lines = ["library_name: transformers", "pipeline_tag: text-generation"]
  lines += ["tags:", *(f"- {tag}" for tag in _TAGS)]
  if job.init_from:
    # JSON's strings are YAML's too.
    lines.append(f"base_model: {json.dumps(_base(job), ensure_ascii=False)}")
  return "\n".join(["---", *lines, "---"])


def _base(job: config.Job) -> str:
  """The folder's own name: where it lay is nobody's business."""
  return Path(job.init_from).name


def _what(job: config.Job, template: config.Template) -> str:
  thinks = (
    "thinks in free text" if template.thinking else "answers without thinking"
  )
  shape = job.model
  return (
    "A judge of answers, a reward reasoning model "
    "([arXiv 2505.14674](https://arxiv.org/abs/2505.14674)): it reads a query "
    f"and two responses, {thinks}, and ends with `\\boxed{{Assistant 1}}` or "
    "`\\boxed{Assistant 2}`, the better of the two. A Qwen2 decoder of "
    f"{shape.num_layers} layers of width {shape.embed_dim}, with a vocabulary "
    f"of {shape.vocab_size:,}."
  )


def _training(job: config.Job, role: str) -> list[str]:
  if not job.stages:
    return [
      "Not trained here: imported weights, in a new wrapping. As a judge they "
      "have learnt nothing yet that their own card does not tell."
    ]
  rows = [_stage_row(job, name, role) for name in _chain(job, role)]
  start = f"the weights of {_base(job)}" if job.init_from else "random weights"
  return [
    f"Data: {_data(job.data)}",
    f"From {start}, by these stages:",
    _table(["stage", "recipe", "steps", "each step", "learning rate"], rows),
  ]


def _chain(job: config.Job, role: str) -> list[str]:
  """The stages that these weights went through, the first one first."""
  names = [role.partition("@")[0]]
  while job.stages[names[0]].start:
    names.insert(0, job.stages[names[0]].start.partition("@")[0])
  return names


def _stage_row(job: config.Job, name: str, role: str) -> list[str]:
  stage = job.stages[name]
  steps = f"{stage.steps}"
  exported, _, step = role.partition("@")
  if step and name == exported:
    steps = f"{step} of {stage.steps}"
  if isinstance(stage, config.Grpo):
    rows = stage.comparisons * stage.samples
    each = f"{stage.comparisons} comparisons x {stage.samples} samples = {rows}"
    recipe = "GRPO on verdicts, +1 or -1"
    if stage.labels == "random":
      recipe = "GRPO on coin flips for labels: a control, no judge"
  else:
    each, recipe = f"{stage.batch_size} rows", "supervised"
    steps = f"at most {steps}" if stage.gate else steps
  rate = f"{stage.optimizer.learning_rate:g}"
  return [name, recipe, steps, each, rate]


def _data(data: config.Data) -> str:
  if data.source == "arithmetic":
    return (
      f"the built-in task, {data.num_train:,} generated comparisons of "
      f"{data.min_terms} to {data.max_terms} terms with `{data.operators}`."
    )
  if data.source == "gsm8k":
    return "verified right and wrong solutions of GSM8K questions."
  return f"comparisons of `{Path(data.source).name}`."


def _scores(report: Mapping[str, Any] | None, role: str) -> list[str]:
  if report is None:
    return ["No report: nobody has measured these weights in their run."]
  models = report.get("models") or {}
  own = next((m for m in models.values() if m.get("weights") == role), None)
  if own is None:
    measured = ", ".join(m.get("weights", "?") for m in models.values())
    return [
      f"The run's report does not measure these weights ({role}); it measures "
      f"{measured or 'none'}."
    ]
  heads = ["sampled at", "accuracy", "95 % interval", "no verdict"]
  parts = [
    "On held-out comparisons of the same data:",
    _table([*heads, "thinking tokens", "comparisons"], _temperatures(own)),
  ]
  votes = own.get("votes") or []
  if votes:
    heads = ["majority of", "accuracy", "95 % interval"]
    rows = [[str(v["k"]), _percent(v["accuracy"]), _range(v)] for v in votes]
    parts.append(_table(heads, rows))
  return [*parts, *_others(models, own)]


def _temperatures(model: Mapping[str, Any]) -> list[list[str]]:
  return [
    [
      "greedy" if float(temperature) == 0 else f"T = {temperature}",
      _percent(run["accuracy"]),
      _range(run),
      _percent(run["invalid_rate"]),
      f"{run['thinking_tokens']:.1f}",
      str(run["comparisons"]),
    ]
    for temperature, run in model["temperatures"].items()
  ]


def _others(models: Mapping[str, Any], own: Mapping) -> list[str]:
  """What the other weights of the run score, at the first temperature."""
  rows = []
  for name, model in models.items():
    temperature, run = next(iter(model["temperatures"].items()))
    if model is not own:
      who = [LABELS.get(name, name), model["weights"], f"T = {temperature}"]
      rows.append([*who, f"{_percent(run['accuracy'])} ({_range(run)})"])
  if not rows:
    return []
  heads = ["beside it", "weights", "sampled at", "accuracy"]
  return [_table(heads, rows)]


def _use(template: config.Template) -> list[str]:
  said = templates.wording(template)
  words = f"USER = {_literal(said.user)}"
  messages = '{"role": "user", "content": user}'
  if said.system:
    words = f"SYSTEM = {_literal(said.system)}\n{words}"
    messages = f'{{"role": "system", "content": SYSTEM}}, {messages}'
  code = _TRANSFORMERS.format(
    words=words,
    messages=messages,
    switch="" if template.thinking else "\n  thinking=False,",
    room=8_192 if template.thinking else 16,
  )
  return [
    "With transformers, and the prompt of its training:",
    code,
    "What comes last in a box is the verdict. Text without exactly one of the "
    "two boxes after the thought is no verdict; count it 0.5, not as a vote "
    "for either. Ask in both orders and let several samples vote where it "
    "matters.",
    "With rrm_jax, which judges whole files, in both orders:",
    "```\npython -m launch.evaluate --model=FOLDER --data=pairs.jsonl "
    "--output=judged\n```",
    "`judge.json` tells it how this judge is asked.",
  ]


def _limits(job: config.Job, report: Mapping[str, Any] | None) -> str:
  lines = [
    "It compares two responses, and must prefer one; it knows no tie.",
    "Its thinking is what it needs to come to a verdict, not a faithful "
    "account of why.",
    "Which response is shown first may sway it, and so may length and style; "
    "measure both orders on your own data before you rely on it.",
  ]
  if job.stages:
    lines.append(
      f"Scores are on comparisons like those of its training ({job.name}); on "
      "other subjects it may do no better than a coin."
      if report is not None
      else "Without a report nothing is known of how well it judges."
    )
  if job.stages and job.data.source == "arithmetic":
    lines.append("It reads the built-in arithmetic task and nothing else.")
  return "\n".join(f"- {line}" for line in lines)


def _details(summary: str, content: Mapping[str, Any]) -> str:
  text = json.dumps(content, indent=2, ensure_ascii=False)
  # A fence longer than any in the text.
  fence = "`" * (3 + text.count("```"))
  return (
    f"<details>\n<summary>{summary}</summary>\n\n{fence}json\n{text}\n{fence}"
    "\n\n</details>"
  )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  lines = [heads, ["---"] * len(heads), *rows]
  return "\n".join(
    f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |"
    for line in lines
  )


def _literal(text: str) -> str:
  """Python source of a string, readable where it can be."""
  plain = "'''" not in text and text[-1:] not in ("'", "\\")
  return f"r'''{text}'''" if plain else repr(text)


def _percent(share: float | None) -> str:
  return "-" if share is None else f"{100 * share:.1f} %"


def _range(run: Mapping[str, Any]) -> str:
  if run.get("low") is None or run.get("high") is None:
    return "-"
  return f"{100 * run['low']:.1f} to {100 * run['high']:.1f} %"
