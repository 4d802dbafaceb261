"""Faults in derivative rules: a sample in each run, the whole campaign nightly.

pytest tests/test_mutants.py -m nightly
"""

from __future__ import annotations

import functools

import pytest

from bpcompile.ir.op import OPS
from tests import faults, mutants
from tests.ops import test_derivatives
from tests.ops.support import apply, draw


@functools.cache
def rules():
    return {f"{rule.module}: {rule.name}": rule for rule in faults.rules()}


def keys(rule):
    return [mutant.key for mutant in faults.mutants(rule)]


def test_every_fault_that_applies():
    chosen = "select(equal(y, 0.0), 0.0, part / y)"
    of_hypot = keys(rules()["ops.powers: _ratio"])
    assert [key.split(": ", 2)[2] for key in of_hypot] == [
        f"swap operands: {chosen} -> select(equal(y, 0.0), part / y, 0.0)",
        f"drop a condition: {chosen} -> 0.0",
        f"drop a condition: {chosen} -> part / y",
        f"flip a sign: {chosen} -> -{chosen}",
        "change a constant: 0.0 -> 1.0",
        "drop a factor: part / y -> part",
        "swap operands: part / y -> y / part",
        "drop a factor: part / y -> 1.0 / y",
        "change a constant: 0.0 -> 1.0 #2",
    ]
    of_broadcast = keys(rules()["ops.shape: _broadcast_vjp"])
    assert sum(": forget a sum: " in key for key in of_broadcast) == 2


def test_a_planted_fault_goes_again():
    rule = rules()["ops.trigonometric: sin.partials[0]"]
    (negated,) = (m for m in faults.mutants(rule) if m.key.endswith("cos(x) -> -cos(x)"))
    check = sample_check(rule)
    with faults.planted(rule, negated.code()):
        assert mutants.failure(check) == "AssertionError"
    assert mutants.failure(check) is None


@pytest.mark.nightly  # a rule may change first
def test_each_equivalent_is_a_fault_with_a_reason():
    known = {key for rule in rules().values() for key in keys(rule)}
    listed = mutants.equivalents()
    assert not dict(listed).keys() - known
    assert len(dict(listed)) == len(listed)
    assert all(reason for _, reason in listed)


def sample_check(rule):
    """Return the complex step of the op that a partial is of."""
    op = OPS[rule.name.split(".")[0]]
    test = test_derivatives.test_gradient_times_direction_is_the_complex_step
    return mutants.Check(op.name, functools.partial(test, apply(op), draw(op, (2, 3))))


def test_a_sample_is_killed():
    partials = [
        rule
        for name, rule in rules().items()
        if ".partials[" in rule.name and name.startswith(("ops.arith", "ops.exp", "ops.trig"))
    ]
    known = dict(mutants.equivalents())
    campaign = mutants.Campaign({rule: [sample_check(rule)] for rule in partials})
    for rule in partials:
        for mutant in faults.mutants(rule)[::3]:
            campaign.meet(mutant, known)
    assert campaign.outcome.survived == []
    assert len(campaign.outcome.killed) > 50


@pytest.mark.nightly
@pytest.mark.parametrize("layer", ["ops.", "transforms."])
def test_every_fault_is_killed(layer):
    assert mutants.run([layer]).survived == []
