"""What the models of a report are called in its tables and pictures."""

LABELS = {
  "before": "warm start",
  "middle": "RRM midway",
  "after": "RRM",
  "control": "random labels",
  "direct": "DirectJudge",
}
