import subprocess
import sys


def test_analysis_does_not_load_jax():
  script = (
    "import sys\n"
    "from rrm_jax.analysis import accuracy, plots, summary, test_time\n"
    "assert 'jax' not in sys.modules, 'jax was imported'\n"
    "assert 'matplotlib.pyplot' not in sys.modules\n"
  )
  subprocess.run([sys.executable, "-c", script], check=True)
