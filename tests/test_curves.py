"""Curves as SVG: a picture that parses, with each point in it."""

from __future__ import annotations

from xml.etree import ElementTree as Tree

from bpcompile.curves import drawn

SVG = "{http://www.w3.org/2000/svg}"


def test_a_drawing():
    text = drawn("f <&>", {"a": [(10, 1e-6), (1000, 2e-5)], "b": [(10, 3e-7), (1000, 4e-4)]})
    root = Tree.fromstring(text)
    words = [node.text for node in root.iter(f"{SVG}text")]
    assert {"f <&>", "a", "b", "10", "100", "1000", "1 us", "100 ns", "size"} <= set(words)
    circles = [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter(f"{SVG}circle")]
    assert len(circles) == 4
    assert circles[0][0] == circles[2][0] < circles[1][0]
    assert circles[0][1] > circles[1][1] > circles[3][1]  # higher is slower


def test_equal_values():
    assert Tree.fromstring(drawn("f", {"a": [(10, 1e-6)]})).tag == f"{SVG}svg"
