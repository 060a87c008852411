"""What a model card says, and that it says no more than it knows."""

import ast
import dataclasses
import json
import re

import pytest

from rrm_jax import config
from rrm_jax.analysis import accuracy, model_card, test_time
from rrm_jax.data import arithmetic
from rrm_jax.text import templates
from tests import small_job
from tests.analysis import judged

JOB = config.from_mapping(config.Job, small_job.mapping())
ARITHMETIC = config.Template(name="arithmetic")
RUN = {
  "accuracy": 0.75, "low": 0.5, "high": 0.9, "invalid_rate": 0.125,
  "thinking_tokens": 3.25, "comparisons": 8,
}  # fmt: skip
REPORT = {
  "models": {
    "before": {"weights": "warm_start", "temperatures": {"1.0": RUN}},
    "after": {
      "weights": "rl",
      "temperatures": {"1.0": RUN, "0.0": RUN | {"accuracy": 1.0}},
      "votes": [{"k": 3, "accuracy": 0.8, "low": 0.6, "high": 0.95}],
    },
  }
}


def card(job=JOB, report=REPORT, role="rl", template=ARITHMETIC):
  return model_card.card(job, report, role=role, template=template)


def front_matter(text):
  lines = text.split("\n")
  assert lines[0] == "---"
  return lines[1 : lines.index("---", 1)]


def test_front_matter():
  lines = front_matter(card())
  assert lines[:2] == [
    "library_name: transformers", "pipeline_tag: text-generation",
  ]  # fmt: skip
  assert "- reward-reasoning-model" in lines
  assert not any(line.startswith("base_model") for line in lines)


def test_base_model_is_named_without_its_place():
  job = dataclasses.replace(JOB, init_from='/home/me/My "7B"')
  text = card(job)
  assert 'base_model: "My \\"7B\\""' in front_matter(text)
  assert "From the weights of My" in text
  assert "/home/me" not in text.partition("<details>")[0]


def test_training_is_the_chain_of_the_weights():
  text = card()
  assert "| warm_start | supervised | 6 | 16 rows | 0.003 |" in text
  assert (
    "| rl | GRPO on verdicts, +1 or -1 | 6 | 8 comparisons x 4 samples = 32 | "
    "0.001 |" in text
  )
  assert "| 4 of 6 |" in card(role="rl@4")
  assert "| rl | GRPO" not in card(role="warm_start")


def test_a_control_is_called_one():
  stages = dict(JOB.stages)
  stages["rl"] = dataclasses.replace(stages["rl"], labels="random")
  job = dataclasses.replace(JOB, stages=stages)
  assert "a control, no judge" in card(job)
  assert "a control" not in card()


def test_scores():
  text = card()
  assert "| T = 1.0 | 75.0 % | 50.0 to 90.0 % | 12.5 % | 3.2 | 8 |" in text
  assert "| greedy | 100.0 % |" in text
  assert "| 3 | 80.0 % | 60.0 to 95.0 % |" in text
  assert "| warm start | warm_start | T = 1.0 | 75.0 % (" in text


def test_no_report():
  text = card(report=None)
  assert "No report" in text and "%" not in text.partition("## Use")[0]
  assert "nothing is known of how well it judges" in text


def test_weights_that_the_report_does_not_measure():
  text = card(role="rl@2")
  assert "does not measure these weights (rl@2)" in text
  assert "75.0" not in text


def test_imported_weights():
  job = dataclasses.replace(JOB, stages={}, order=())
  text = card(job, None, role="imported", template=config.Template())
  assert "imported weights" in text and "by these stages" not in text


def test_the_report_of_a_run():
  """Its parts are those that the analysis makes."""
  comparisons = [
    arithmetic.comparison(JOB.data, 0, "test", i) for i in range(6)
  ]
  votes = [
    judged.judgement(c.uid, winner=c.label if s else 1, sample_id=s)
    for c in comparisons
    for s in range(3)
  ]
  measured = {
    "weights": "rl",
    "temperatures": {
      "1.0": accuracy.summary(
        [v for v in votes if v.sample_id == 1], comparisons
      )
    },
    "votes": test_time.votes(votes, comparisons, [1, 3]),
  }
  text = card(report=json.loads(json.dumps({"models": {"after": measured}})))
  assert "| T = 1.0 | 100.0 % |" in text and "| 3 | 100.0 % |" in text


@pytest.mark.parametrize(
  "template",
  [
    ARITHMETIC,
    config.Template(),
    config.Template(thinking=False),
  ],
)
def test_the_code_asks_as_training_did(template):
  """It is Python, and its strings are the template's."""
  text = card(template=template)
  code = re.search(r"```python\n(.*?)\n```", text, re.DOTALL)[1]
  names = {
    node.targets[0].id: node.value
    for node in ast.parse(code).body
    if isinstance(node, ast.Assign)
  }
  words = templates.wording(template)
  assert ast.literal_eval(names["USER"]) == words.user
  assert ("SYSTEM" in names) == bool(words.system)
  if words.system:
    assert ast.literal_eval(names["SYSTEM"]) == words.system
  assert ("thinking=False" in code) != template.thinking


@pytest.mark.parametrize("end", ["'", "\\", "'''{x}"])
def test_awkward_wording(tmp_path, end):
  words = f"say so\n=== user ===\n{{query}} {{response_1}} {{response_2}} {end}"
  (tmp_path / "words.txt").write_text(words)
  text = card(template=config.Template(file=str(tmp_path / "words.txt")))
  code = re.search(r"```python\n(.*?)\n```", text, re.DOTALL)[1]
  user = next(
    ast.literal_eval(node.value)
    for node in ast.parse(code).body
    if isinstance(node, ast.Assign) and node.targets[0].id == "USER"
  )
  assert (
    user
    == templates.wording(config.Template(file=str(tmp_path / "words.txt"))).user
  )


def test_the_whole_config_is_there():
  job = dataclasses.replace(JOB, name="a ``` fence")
  found = re.search(r"\n(`{3,})json\n(.*?)\n\1\n", card(job), re.DOTALL)
  assert config.from_mapping(config.Job, json.loads(found[2])) == job
