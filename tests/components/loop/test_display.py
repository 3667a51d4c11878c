"""The display: plain lines where nobody looks, one living line on a terminal."""

import io

from components.loop.display import Display


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_there_is_a_line_a_chapter():
    out = io.StringIO()
    display = Display(2, lambda: "3 requests", out)
    with display.chapter("train"):
        display.say("step 1")
    display.ended("good", "approved")
    with display.chapter("deploy"):
        pass
    display.ended("failed", "refused")
    assert out.getvalue().splitlines() == [" ✓  0:00  train: approved", " ✗  0:00  deploy: refused"]


def test_on_a_terminal_the_chapter_that_goes_on_is_told(monkeypatch):
    monkeypatch.setattr("components.loop.display._TICK_SECONDS", 0.001)
    monkeypatch.setenv("COLUMNS", "200")
    out = Terminal()
    display = Display(7, lambda: "3 requests, 0 failed", out)
    with display.chapter("train"):
        display.say("step  1\n")
        while "step 1" not in out.getvalue():
            pass
    assert "[1/7] train" in out.getvalue()
    assert "3 requests, 0 failed" in out.getvalue()
    display.ended("good", "approved")
    assert out.getvalue().endswith("\r\x1b[K ✓  0:00  train: approved\n")


def test_a_narrow_terminal_gets_a_line_that_fits(monkeypatch):
    monkeypatch.setattr("components.loop.display._TICK_SECONDS", 0.001)
    monkeypatch.setenv("COLUMNS", "40")
    out = Terminal()
    display = Display(7, lambda: "requests " * 30, out)
    with display.chapter("train"):
        while "…" not in out.getvalue():
            pass
    written = [each for each in out.getvalue().split("\r\x1b[K") if each]
    assert all(len(each) <= 39 for each in written)
