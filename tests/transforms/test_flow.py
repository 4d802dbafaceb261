"""The minimum cut: against SciPy's maximum flow, and against all cuts of small networks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from bpcompile.transforms.flow import UNBOUNDED, Network


def random_edges(rng, vertices, count):
    edges = {}
    for _ in range(count):
        a, b = rng.integers(vertices, size=2)
        if a != b:
            edges[int(a), int(b)] = int(rng.integers(1, 9))
    return edges


def cut_of(edges, vertices):
    network = Network(vertices)
    for (a, b), capacity in edges.items():
        network.connect(a, b, capacity)
    return network.cut(0, 1)


def capacity_of(edges, side):
    return sum(c for (a, b), c in edges.items() if side[a] and not side[b])


@pytest.mark.parametrize("seed", range(20))
def test_cut_has_the_capacity_of_the_greatest_flow(seed):
    rng = np.random.default_rng(seed)
    vertices = int(rng.integers(2, 40))
    edges = random_edges(rng, vertices, 4 * vertices)
    matrix = np.zeros((vertices, vertices), dtype=np.int32)
    for (a, b), capacity in edges.items():
        matrix[a, b] = capacity
    side = cut_of(edges, vertices)
    assert side[0]
    assert not side[1]
    assert capacity_of(edges, side) == maximum_flow(csr_array(matrix), 0, 1).flow_value


@pytest.mark.parametrize("seed", range(20))
def test_cut_is_the_one_farthest_from_the_source(seed):
    rng = np.random.default_rng(seed)
    edges = random_edges(rng, 7, 14)
    cuts = []
    for rest in itertools.product([False, True], repeat=5):
        side = [True, False, *rest]
        cuts.append((capacity_of(edges, side), side))
    least = min(capacity for capacity, _ in cuts)
    minimal = [side for capacity, side in cuts if capacity == least]
    union = [any(column) for column in zip(*minimal, strict=True)]
    assert cut_of(edges, 7) == union


def test_unbounded_edges_and_no_path():
    assert cut_of({(0, 2): UNBOUNDED, (2, 1): 3}, 3) == [True, False, True]
    assert cut_of({(0, 2): UNBOUNDED}, 3) == [True, False, True]


def test_long_paths_cost_no_stack():
    count = 5000
    edges = {(0, 2): UNBOUNDED, (count, 1): 5}
    edges |= {(k, k + 1): UNBOUNDED for k in range(2, count)}
    assert sum(cut_of(edges, count + 1)) == count
