from rrm_jax.analysis import difficulty


def test_reads_the_leading_integer():
  assert difficulty.difficulty("07 terms") == 7
  assert difficulty.difficulty("12") == 12
  assert difficulty.difficulty("Chat") is None
  assert difficulty.difficulty("level 3") is None
  assert difficulty.difficulty("") is None


def test_numbers_sort_as_numbers_and_before_names():
  names = ["10 terms", "Chat", "9 terms", "", "9 terms"]
  assert difficulty.ordered(names) == ["9 terms", "10 terms", "", "Chat"]


def test_unit():
  assert difficulty.unit(["1 terms", "02 terms"]) == "terms"
  assert difficulty.unit(["1 terms", "2 hops"]) == ""
  assert difficulty.unit(["1", "2"]) == ""


def test_thirds_of_fourteen():
  groups = difficulty.groups(f"{n:02d} terms" for n in range(1, 15))
  assert list(groups) == ["1-5 terms", "6-10 terms", "11-14 terms"]
  assert groups["11-14 terms"] == [f"{n} terms" for n in range(11, 15)]


def test_three_subsets_are_three_groups():
  assert difficulty.groups(["3", "1", "2"]) == {
    "1": ["1"],
    "2": ["2"],
    "3": ["3"],
  }


def test_no_groups_without_an_order():
  assert difficulty.groups(["1 a", "2 a"]) == {}
  assert difficulty.groups(["1 a", "2 a", "Chat"]) == {}
