"""Headless Chromium, driven through two pipes: nothing to install beside it.

RRM_CHROMIUM names the binary; without it, it is looked for on the path.
"""

import base64
import json
import os
import shutil
import subprocess
import time

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
NAMES += ("google-chrome", "chrome")
LONG = 60.0


def binary():
  """The path of a Chromium, or None."""
  wanted = os.environ.get("RRM_CHROMIUM")
  if wanted:
    return wanted
  return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
  """One page; `problems` holds what its console and network complained of.

  Attributes:
    requests: The addresses that were asked for.
    problems: Exceptions, errors and warnings.
  """

  def __init__(self, path, folder):
    read, self._out = os.pipe()
    self._in, write = os.pipe()
    command = [
      path, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
      "--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank",
    ]  # fmt: skip
    # Chromium reads commands from descriptor 3 and answers on 4.
    shell = ["bash", "-c", f'exec "$@" 3<&{read} 4>&{write}', "-", *command]
    self._process = subprocess.Popen(
      shell, pass_fds=(read, write), stderr=subprocess.DEVNULL
    )
    os.close(read)
    os.close(write)
    self._buffer = b""
    self._number = 0
    self._session = None
    self.requests = []
    self.problems = []
    targets = self.send("Target.getTargets")["targetInfos"]
    target = next(t["targetId"] for t in targets if t["type"] == "page")
    attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
    self._session = attached["sessionId"]
    for domain in ("Page", "Runtime", "Log", "Network"):
      self.send(f"{domain}.enable")

  def send(self, method, **params):
    """Sends a command of the DevTools protocol; returns its result."""
    self._number += 1
    message = {"id": self._number, "method": method, "params": params}
    if self._session:
      message["sessionId"] = self._session
    os.write(self._out, json.dumps(message).encode() + b"\0")
    while True:
      answer = self._receive()
      if answer.get("id") == self._number:
        assert "error" not in answer, (method, answer)
        return answer["result"]
      self._note(answer)

  def open(self, url, width=1280, height=900, dark=False):
    self.look(width, height, dark)
    self.send("Page.navigate", url=url)
    self.wait("document.readyState === 'complete'")

  def look(self, width, height, dark=False, media=""):
    """The window's size, the theme, and "print" for paper."""
    self.send(
      "Emulation.setDeviceMetricsOverride",
      width=width, height=height, deviceScaleFactor=1, mobile=False,
    )  # fmt: skip
    scheme = {"name": "prefers-color-scheme", "value": "dark" * dark or "light"}
    self.send("Emulation.setEmulatedMedia", media=media, features=[scheme])

  def run(self, script):
    """The value of an expression, awaited."""
    found = self.send(
      "Runtime.evaluate", expression=script, returnByValue=True,
      awaitPromise=True,
    )  # fmt: skip
    assert "exceptionDetails" not in found, found
    return found["result"].get("value")

  def wait(self, condition):
    """Until an expression holds."""
    end = time.monotonic() + LONG
    while not self.run(condition):
      assert time.monotonic() < end, f"never: {condition}"
      time.sleep(0.02)

  def press(self, key, code=0, text=""):
    """A key of the keyboard."""
    for kind in ("keyDown", "keyUp"):
      self.send(
        "Input.dispatchKeyEvent", type=kind, key=key, code=key,
        windowsVirtualKeyCode=code, text=text if kind == "keyDown" else "",
      )  # fmt: skip

  def picture(self, path, whole=False):
    """Writes what is seen, or the whole page, as a PNG file."""
    shot = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
    path.write_bytes(base64.b64decode(shot["data"]))

  def close(self):
    self._session = None
    self.send("Browser.close")
    self._process.wait(LONG)
    os.close(self._in)
    os.close(self._out)

  def _receive(self):
    while b"\0" not in self._buffer:
      more = os.read(self._in, 1 << 20)
      assert more, "Chromium is gone"
      self._buffer += more
    message, self._buffer = self._buffer.split(b"\0", 1)
    return json.loads(message)

  def _note(self, event):
    params = event.get("params", {})
    match event.get("method"):
      case "Network.requestWillBeSent":
        self.requests.append(params["request"]["url"])
      case "Runtime.exceptionThrown":
        self.problems.append(params["exceptionDetails"])
      case "Runtime.consoleAPICalled" if params["type"] != "log":
        self.problems.append(params)
      case "Log.entryAdded":
        self.problems.append(params["entry"])
