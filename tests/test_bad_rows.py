from rrm_jax import bad_rows


def test_ten_are_shown_and_the_rest_counted():
  lines = bad_rows.shown([f"a:{n}" for n in range(12)]).split("\n  ")
  assert lines == [*(f"a:{n}" for n in range(10)), "and 2 more"]
  assert bad_rows.shown(["a:1", "a:2"]) == "a:1\n  a:2"
