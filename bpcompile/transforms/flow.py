"""Find a minimum cut of a small network, by Dinic's method.

Source: E. A. Dinic, "Algorithm for solution of a problem of maximum flow in networks with power
estimation", Soviet Mathematics Doklady 11, 1970. Capacities are integers, so that the method ends.
"""

from __future__ import annotations

UNBOUNDED = 1 << 128  # above all sums of bounded capacities
BOUNDED = 1 << 64  # the largest of those


class Network:
    """Hold vertices 0, 1, ... and directed edges with capacities."""

    def __init__(self, vertices: int) -> None:
        """Start without edges."""
        self._edges: list[list[int]] = [[] for _ in range(vertices)]
        self._end: list[int] = []
        self._left: list[int] = []  # what an edge can still take; edge k ^ 1 runs the other way

    def connect(self, start: int, end: int, capacity: int) -> None:
        """Add an edge."""
        for vertex, target, left in ((start, end, capacity), (end, start, 0)):
            self._edges[vertex].append(len(self._end))
            self._end.append(target)
            self._left.append(left)

    def cut(self, source: int, sink: int) -> list[bool]:
        """Return for each vertex whether it lies on the source's side of a minimum cut.

        Of several minimum cuts this is the one farthest from the source.
        """
        while (levels := self._levels(source, sink))[sink] >= 0:
            self._augment(source, sink, levels)
        reaches = self._levels(sink, source, against=True)
        return [level < 0 for level in reaches]

    def _levels(self, source: int, sink: int, *, against: bool = False) -> list[int]:
        """Return the distance from `source` in the residual network, -1 where there is no path.

        With `against` the edges are followed from their end to their start, and all vertices are
        visited.
        """
        levels = [-1] * len(self._edges)
        levels[source] = 0
        front = [source]
        while front and (against or levels[sink] < 0):
            found = []
            for vertex in front:
                for edge in self._edges[vertex]:
                    target = self._end[edge]
                    if levels[target] < 0 and self._left[edge ^ 1 if against else edge]:
                        levels[target] = levels[vertex] + 1
                        found.append(target)
            front = found
        return levels

    def _augment(self, source: int, sink: int, levels: list[int]) -> None:
        """Send flow along shortest paths until each of them is blocked."""
        edges, end, left = self._edges, self._end, self._left
        tried = [0] * len(edges)
        path: list[int] = []
        vertex = source
        while True:
            if vertex == sink:
                amount = min(left[edge] for edge in path)
                for edge in path:
                    left[edge] -= amount
                    left[edge ^ 1] += amount
                full = next(k for k, edge in enumerate(path) if not left[edge])
                vertex = end[path[full] ^ 1]
                del path[full:]
            out = edges[vertex]
            while tried[vertex] < len(out):
                edge = out[tried[vertex]]
                if left[edge] and levels[end[edge]] == levels[vertex] + 1:
                    path.append(edge)
                    vertex = end[edge]
                    break
                tried[vertex] += 1
            else:
                if vertex == source:
                    return
                vertex = end[path.pop() ^ 1]
                tried[vertex] += 1
