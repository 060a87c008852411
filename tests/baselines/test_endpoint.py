"""A judge over HTTP, against a server of the test's own."""

import http.server
import json
import threading
import time

import pytest

from rrm_jax import config
from rrm_jax.baselines.endpoint import Endpoint
from rrm_jax.records import Comparison, Finish, Invalid, Message, Question

KEY = "RRM_TEST_KEY"


def question(number, swapped=False, sample_id=0):
  query = (Message("user", f"Question {number}?"),)
  comparison = Comparison(f"c{number}", query, ("right", "wrong"), 1)
  return Question(comparison, sample_id, swapped)


def completion(text, **more):
  choice = {"message": {"content": text}, "finish_reason": "stop"}
  usage = {"prompt_tokens": 50, "completion_tokens": 20}
  return {"choices": [{**choice, **more}], "usage": usage}


class Server:
  """Answers by a function of the request's body; keeps what it was asked."""

  def __init__(self, answer):
    self.asked, self.headers, self.paths = [], [], []
    self.busy = self.most_busy = 0
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
      def do_POST(handler):
        body = json.loads(
          handler.rfile.read(int(handler.headers["Content-Length"]))
        )
        with lock:
          self.asked.append(body)
          self.headers.append(dict(handler.headers))
          self.paths.append(handler.path)
          self.busy += 1
          self.most_busy = max(self.busy, self.most_busy)
          number = len(self.asked)
        status, said = answer(body, number)
        with lock:
          self.busy -= 1
        payload = said if isinstance(said, bytes) else json.dumps(said).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(payload)))
        handler.end_headers()
        handler.wfile.write(payload)

      def log_message(handler, *args):
        pass

    self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
    self.thread = threading.Thread(target=self.http.serve_forever)

  def __enter__(self):
    self.thread.start()
    return self

  def __exit__(self, *exception):
    self.http.shutdown()
    self.thread.join()
    self.http.server_close()


def endpoint(server, **more):
  fields = {
    "template": config.Template(),
    "sampling": config.Sampling(temperature=0.6, max_new_tokens=99),
    "pause": 0.01,
    "tries": 3,
    "key_variable": KEY,
  }
  return Endpoint(server.url, "judge-7b", **{**fields, **more})


def honest(body, number):
  """Finds the right response wherever it stands."""
  told = body["messages"][-1]["content"]
  first = told.index("right") < told.index("wrong")
  return 200, completion(f"Hm.</think>\\boxed{{Assistant {1 if first else 2}}}")


def test_verdicts_come_in_order_with_the_swap_undone(monkeypatch):
  monkeypatch.setenv(KEY, "secret")
  asked = [question(i, i % 2 == 1, i % 3) for i in range(12)]
  with Server(honest) as server:
    made = endpoint(server)(asked)
  assert [j.uid for j in made] == [q.comparison.uid for q in asked]
  assert [(j.swapped, j.sample_id) for j in made] == [
    (q.swapped, q.sample_id) for q in asked
  ]
  assert {j.verdict.winner for j in made} == {1}
  first = made[0]
  assert (first.prompt_tokens, first.completion_tokens) == (50, 20)
  assert 0 < first.thinking_tokens < 20
  assert first.finish is Finish.STOPPED
  assert set(server.paths) == {"/v1/chat/completions"}
  assert {h["Authorization"] for h in server.headers} == {"Bearer secret"}
  body = server.asked[0]
  assert (body["model"], body["temperature"], body["top_p"]) == (
    "judge-7b", 0.6, 1.0
  )  # fmt: skip
  assert body["max_tokens"] == 99 and "top_k" not in body
  assert [m["role"] for m in body["messages"]] == ["system", "user"]
  assert len({b["seed"] for b in server.asked}) == 12


def test_seeds_do_not_hang_on_the_order_of_asking(monkeypatch):
  monkeypatch.delenv(KEY, raising=False)
  with Server(honest) as server:
    endpoint(server)([question(1), question(2)])
    endpoint(server)([question(2)])
    endpoint(server, seed=1)([question(2)])
  seeds = [(b["messages"][-1]["content"], b["seed"]) for b in server.asked]
  assert seeds[2] in seeds[:2] and seeds[3] not in seeds[:3]
  assert "Authorization" not in server.headers[0]


def test_as_many_at_once_as_asked_for():
  def slow(body, number):
    time.sleep(0.05)
    return honest(body, number)

  with Server(slow) as server:
    endpoint(server, concurrency=3)([question(i) for i in range(9)])
  assert 1 < server.most_busy <= 3


@pytest.mark.parametrize("bad", [(429, {}), (503, b"busy"), (200, b"{half")])
def test_tries_again(bad, caplog):
  def answer(body, number):
    return bad if number < 3 else honest(body, number)

  with Server(answer) as server:
    (made,) = endpoint(server)([question(0)])
  assert made.verdict.winner == 1
  assert len(server.asked) == 3
  assert caplog.text.count("failed, again in ") == 2


def test_gives_up():
  with (
    Server(lambda body, number: (500, b"out of memory")) as server,
    pytest.raises(ValueError, match=r"failed 3 times.*500.*out of memory"),
  ):
    endpoint(server)([question(0)])
  assert len(server.asked) == 3


def test_a_refusal_is_final():
  with (
    Server(lambda body, number: (404, b"no model judge-7b")) as server,
    pytest.raises(ValueError, match=r"refused.*404.*no model judge-7b"),
  ):
    endpoint(server, concurrency=1)([question(i) for i in range(50)])
  assert len(server.asked) < 50


def test_nobody_there():
  with Server(honest) as server:
    gone = endpoint(server)
  with pytest.raises(ValueError, match=r"failed 3 times.*is the server up"):
    gone([question(0)])


def test_too_slow():
  def slow(body, number):
    time.sleep(0.3)
    return honest(body, number)

  with (
    Server(slow) as server,
    pytest.raises(ValueError, match=r"failed 1 times.*timed out"),
  ):
    endpoint(server, timeout=0.05, tries=1)([question(0)])


def test_something_else_than_a_completion():
  with (
    Server(lambda body, number: (200, {"detail": "hello"})) as server,
    pytest.raises(ValueError, match=r"something else.*hello.*choices"),
  ):
    endpoint(server)([question(0)])


@pytest.mark.parametrize(
  ("message", "more", "tagged", "winner", "invalid", "thinking"),
  [
    ({"content": "a</think>b"}, {}, True, None, Invalid.NO_BOX, 2),
    ({"content": "\\boxed{Assistant 2}"}, {}, True, None,
     Invalid.NO_CLOSING_TAG, 20),
    ({"content": "\\boxed{Assistant 2}"}, {}, False, 2, None, 20),
    ({"content": "a"}, {"finish_reason": "length"}, True, None,
     Invalid.TRUNCATED, 20),
    ({"content": "\\boxed{Assistant 2}", "reasoning_content": "So long."}, {},
     True, 2, None, 5),
    ({"content": None}, {}, True, None, Invalid.NO_CLOSING_TAG, 0),
  ],
)  # fmt: skip
def test_what_servers_say(message, more, tagged, winner, invalid, thinking):
  said = completion("")
  said["choices"][0] |= {"message": message, **more}
  with Server(lambda body, number: (200, said)) as server:
    template = config.Template(tagged=tagged)
    (made,) = endpoint(server, template=template)([question(0)])
  assert made.verdict == (winner, invalid)
  assert made.thinking_tokens == thinking


def test_the_servers_count_of_thought():
  said = completion("a</think>\\boxed{Assistant 1}")
  said["usage"]["completion_tokens_details"] = {"reasoning_tokens": 7}
  with Server(lambda body, number: (200, said)) as server:
    (made,) = endpoint(server)([question(0)])
  assert made.thinking_tokens == 7


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"url": "localhost:8000"}, "url='localhost:8000' must begin with http"),
    ({"tries": 0}, "tries=0"),
    ({"sampling": config.Sampling(thinking_budget=9)}, "has no budgets"),
  ],
)
def test_fields_that_make_no_sense(fields, message):
  good = {
    "url": "http://x/v1",
    "model": "m",
    "template": config.Template(),
    "sampling": config.Sampling(),
  }
  assert Endpoint(**good).identity["model"] == "m"
  with pytest.raises(ValueError, match=message):
    Endpoint(**{**good, **fields})


def test_its_name_holds_its_wording(tmp_path):
  """A file's path stays when its words are changed."""
  path = tmp_path / "words.txt"
  path.write_text("Be fair.\n=== user ===\n{query}|{response_1}|{response_2}")
  template = config.Template(file=str(path))
  one = Endpoint("http://a/v1", "m", template, config.Sampling())
  assert one.identity["wording"]["system"] == "Be fair."
