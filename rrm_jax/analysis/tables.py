"""Tables of fixed width for the terminal, and what stands in their cells."""

from collections.abc import Mapping, Sequence

Number = int | float

WIDTH = 80
_NAME = 16  # columns of a row's name, at least


def tables(
  title: str,
  heads: Sequence[str],
  rows: Mapping[str, Sequence[str]],
  width: int,
) -> list[str]:
  """A table, or several where the columns do not fit beside each other.

  The rows' names have what room the columns leave.
  """
  fit = (WIDTH - _NAME - 2) // width
  room = WIDTH - 2 - width * min(fit, len(heads))
  room = min(room, max(_NAME, *map(len, rows))) if rows else _NAME
  return [
    "\n".join(
      [
        title if not start else f"{title}, continued",
        *_lines("", heads[start : start + fit], room, width),
        *(
          line
          for name, cells in rows.items()
          for line in _lines(name, cells[start : start + fit], room, width)
        ),
      ]
    )
    for start in range(0, len(heads), fit)
    if rows
  ]


def _lines(name: str, cells: Sequence[str], room: int, width: int) -> list[str]:
  """The row in one line; none if it is empty."""
  body = "".join(f"{cut(cell, width - 1):>{width}}" for cell in cells)
  line = f"  {cut(name, room):<{room}}{body}".rstrip()
  return [line] if line else []


def interval(run: Mapping | None) -> str:
  """An `accuracy` in percent, with `low` and `high` in brackets."""
  if not run or run.get("accuracy") is None:
    return "-"
  if run.get("low") is None or run.get("high") is None:
    return percent(run["accuracy"])
  low, high = percent(run["low"]), percent(run["high"])
  text = f"{percent(run['accuracy'])} [{low}, {high}]"
  return text.replace("100.0", "100")  # three of them fill the column


def percent(share: Number | None) -> str:
  """A share in percent."""
  return "-" if share is None else f"{100 * share:.1f}"


def number(value: Number | None, form: str) -> str:
  """A number in a form such as "{:.1f}"."""
  return "-" if value is None else form.format(value)


def cut(text: str, width: int) -> str:
  """The text, its front cut off where it is too long: ends differ more."""
  return text if len(text) <= width else f"...{text[3 - width :]}"


def files(files: Mapping[str, str | None]) -> list[str]:
  """What was written, by what it is."""
  lines = [
    f"  {cut(name, _NAME):<{_NAME}}  {cut(file, WIDTH - _NAME - 4)}"
    for name, file in files.items()
    if file
  ]
  return ["\n".join(["Files", *lines])] if lines else []
