"""The report at the end of a job."""

import pytest

from rrm_jax import metrics
from rrm_jax.train import loop, report
from tests import small_job


@pytest.fixture
def job(tmp_path):
  """A job of no steps: what is trained makes no difference here."""
  values = small_job.mapping() | {"order": ["warm_start"]}
  values["stages"]["warm_start"]["steps"] = 0
  values["evaluation"] |= {"before": "", "middle": "", "after": "warm_start"}
  stopping = []
  with small_job.opened(tmp_path, values, lambda: bool(stopping)) as made:
    small_job.run_stages(made)
    yield made, stopping


def test_it_shows_how_far_it_is(job, capsys):
  report.write(job[0])
  # Two temperatures, three votes and two budgets, on eight comparisons.
  assert "evaluate after 56/56" in capsys.readouterr().err


def test_it_can_be_stopped(job):
  made, stopping = job
  stopping.append(True)
  with pytest.raises(loop.Interrupted, match="the report"):
    report.write(made)
  assert not (made.folder / "report.json").exists()


def test_no_verdict_counts_half_in_the_curve_as_in_the_rest(job):
  made, _ = job
  (row,) = metrics.read(made.folder)
  assert row["phase"] == "warm_start_heldout" and row["invalid"] > 0
  assert report.write(made)["learning"]["after"] == [
    {"step": 0, "accuracy": row["accuracy"] + row["invalid"] / 2}
  ]
