"""The flow of the Nile: a local level model by the Kalman filter, fitted and smoothed by gradients.

The level of the river is a random walk that is observed with noise. The filter is a `for` over the
years; its likelihood's gradient in the two variances fits them, and the same call's gradient in the
observations smooths the level: by Tweedie's formula (B. Efron, Tweedie's Formula and Selection
Bias, 2011) the mean of the level given all the data is y + σ² ∂ log p(y) / ∂y.

The data are the annual flow of the Nile at Aswan from 1871 to 1970, in 10⁸ m³: measurements in the
public domain, from the table in G. W. Cobb, The Problem of the Nile (Biometrika 65, 1978), and the
running example of J. Durbin and S. J. Koopman, Time Series Analysis by State Space Methods (2nd
edition, 2012). That book prints the fitted variances, 15099 and 1469.1.

    python examples/kalman.py
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize

import bpcompile as bp

FLOW = """
1120 1160  963 1210 1160 1160  813 1230 1370 1140  995  935 1110  994 1020  960 1180  799  958 1140
1100 1210 1150 1250 1260 1220 1030 1100  774  840  874  694  940  833  701  916  692 1020 1050  969
 831  726  456  824  702 1120 1100  832  764  821  768  845  864  862  698  845  744  796 1040  759
 781  865  845  944  984  897  822 1010  771  676  649  846  812  742  801 1040  860  874  848  890
 744  749  838 1050  918  986  797  923  975  815 1020  906  901 1170  912  746  919  718  714  740
"""
NILE = np.array(FLOW.split(), float)
PRINTED = 15099, 1469.1


def negative_log_likelihood(log_variances, flow):
    """Return the diffuse negative log-likelihood; the variances are of the noise and of the level.

    Nothing is known of the first level, so that the first year only starts the filter: Durbin and
    Koopman, section 2.9.
    """
    noise, drift = np.exp(log_variances)
    level, spread = flow[0], noise + drift
    total = 0.5 * (len(flow) - 1) * math.log(2 * math.pi)
    for t in range(1, len(flow)):
        error = flow[t] - level
        expected = spread + noise
        total += 0.5 * (np.log(expected) + error * error / expected)
        gain = spread / expected
        level += gain * error
        spread = spread * (1 - gain) + drift
    return total


def smoothed_by_equations(noise, drift, flow):
    """Return the level that is most likely given all the data, from its linear equations."""
    differences = np.diff(np.eye(len(flow)), axis=0)
    precision = np.eye(len(flow)) / noise + differences.T @ differences / drift
    return np.linalg.solve(precision, flow / noise)


def main() -> None:
    """Fit the variances, then smooth the level."""
    fn = bp.value_and_grad(negative_log_likelihood, argnums=("log_variances", "flow"))

    def objective(log_variances):
        """Return value and slope for the optimiser, which has no use for the flow's."""
        value, (slope, _) = fn(log_variances, NILE)
        return value, slope

    start = np.log(np.var(NILE) * np.array([0.5, 0.5]))
    found = minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-7})
    noise, drift = np.exp(found.x)
    print(f"log-likelihood {-found.fun:.4f} after {found.nit} steps and {found.nfev} calls")
    print(f"variance of the noise {noise:.1f}   printed {PRINTED[0]}")
    print(f"variance of the level {drift:.2f}   printed {PRINTED[1]}")
    assert found.success
    assert round(noise) == PRINTED[0]
    assert math.isclose(drift, PRINTED[1], rel_tol=1e-4)

    _, (_, slope) = fn(found.x, NILE)
    level = NILE - noise * slope  # fn is minus the log-likelihood
    difference = np.max(np.abs(level - smoothed_by_equations(noise, drift, NILE)))
    print(f"level in 1898 {level[27]:.1f}, in 1899 {level[28]:.1f}, in 1970 {level[99]:.1f}")
    print(f"largest difference from the solution of the linear equations {difference:.1e}")
    assert difference < 1e-8
    assert fn.check(found.x, NILE)


if __name__ == "__main__":
    main()
