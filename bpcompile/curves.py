"""Draw curves over a logarithmic grid as SVG: the plot of an experiment."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as Tree

_WIDTH, _HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 230, 40, 50
_COLOURS = ("#1b6ca8", "#d1495b", "#3a7d44", "#edae49", "#7b4b94", "#5c6672", "#00798c", "#a44a3f")
_UNITS = {0: "s", -3: "ms", -6: "us", -9: "ns"}

Curve = Sequence[tuple[float, float]]


def drawn(title: str, curves: Mapping[str, Curve]) -> str:
    """Return seconds over sizes as the text of an SVG file.

    Args:
        title: what stands above.
        curves: the points of each curve, all numbers positive.

    Example:
        >>> drawn("times", {"a": [(1, 1e-6), (10, 1e-5)]}).startswith("<svg")
        True
    """
    points = [point for curve in curves.values() for point in curve]
    x, y = ([point[k] for point in points] for k in (0, 1))
    grid = _Grid(_decades(x), _decades(y))
    svg = Tree.Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        attrib={"font-family": "sans-serif", "font-size": "12"},
    )
    Tree.SubElement(svg, "rect", width=str(_WIDTH), height=str(_HEIGHT), fill="white")
    _text(svg, _LEFT, _TOP - 18, title, "start", size=15)
    grid.draw(svg)
    for k, (name, curve) in enumerate(curves.items()):
        colour, dash = _COLOURS[k % len(_COLOURS)], "6 4" if k >= len(_COLOURS) else "none"
        places = [grid.place(*point) for point in curve]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        look = {"stroke-width": "2", "stroke-dasharray": dash}
        Tree.SubElement(svg, "polyline", look, points=path, fill="none", stroke=colour)
        for a, b in places:
            Tree.SubElement(svg, "circle", cx=f"{a:.1f}", cy=f"{b:.1f}", r="3", fill=colour)
        _text(svg, _WIDTH - _RIGHT + 14, _TOP + 10 + 18 * k, name, "start", colour)
    return Tree.tostring(svg, encoding="unicode") + "\n"


class _Grid:
    """Hold the powers of ten that the axes span."""

    def __init__(self, x: tuple[int, int], y: tuple[int, int]) -> None:
        self.x, self.y = x, y

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point lies in the picture."""
        across = (math.log10(x) - self.x[0]) / (self.x[1] - self.x[0])
        up = (math.log10(y) - self.y[0]) / (self.y[1] - self.y[0])
        width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        return _LEFT + across * width, _HEIGHT - _BOTTOM - up * height

    def draw(self, svg: Tree.Element) -> None:
        """Draw a line for each power of ten, with its number."""
        left, right = _LEFT, _WIDTH - _RIGHT
        for k in range(self.x[0], self.x[1] + 1):
            a, _ = self.place(10.0**k, 10.0 ** self.y[0])
            _line(svg, a, _TOP, a, _HEIGHT - _BOTTOM)
            _text(svg, a, _HEIGHT - _BOTTOM + 18, f"{10**k:g}" if k < 6 else f"1e{k}", "middle")
        for k in range(self.y[0], self.y[1] + 1):
            _, b = self.place(10.0 ** self.x[0], 10.0**k)
            _line(svg, left, b, right, b)
            unit = 3 * math.floor(k / 3)
            label = f"{10 ** (k - unit)} {_UNITS.get(unit, f'1e{unit} s')}"
            _text(svg, left - 8, b + 4, label, "end")
        _text(svg, (left + right) / 2, _HEIGHT - 12, "size", "middle")


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten around some numbers, which differ."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _line(svg: Tree.Element, x1: float, y1: float, x2: float, y2: float) -> None:
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    Tree.SubElement(
        svg, "line", {key: f"{value:.1f}" for key, value in ends.items()}, stroke="#dddddd"
    )


def _text(
    svg: Tree.Element,
    x: float,
    y: float,
    text: str,
    anchor: str,
    colour: str = "#333333",
    size: int = 12,
) -> None:
    look = {"text-anchor": anchor, "font-size": str(size)}
    Tree.SubElement(svg, "text", look, x=f"{x:.1f}", y=f"{y:.1f}", fill=colour).text = text
