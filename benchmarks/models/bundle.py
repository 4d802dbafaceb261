"""The reprojection error of a bundle adjustment, looped over the observations.

The camera is that of ADBench (Srajer, Kukelova, Fitzgibbon, 2018): rotation by Rodrigues' vector,
centre, focal length, principal point and two coefficients of radial distortion.
"""

from __future__ import annotations

import math

import numpy as np

from benchmarks.models.model import Arguments, Model, generator

CAMERAS = 5
POINTS = 20


def loss(cameras, points, weights, camera_of, point_of, seen):
    """Return the sum of the weighted squared reprojection errors.

    A camera is r (3), centre (3), focal length, principal point (2), distortion (2).
    """
    total = 0.0
    for i in range(seen.shape[0]):
        c = cameras[camera_of[i]]
        p = points[point_of[i]]
        x = p[0] - c[3]
        y = p[1] - c[4]
        z = p[2] - c[5]
        angle2 = c[0] * c[0] + c[1] * c[1] + c[2] * c[2]
        if angle2 > 0.0:
            angle = math.sqrt(angle2)
            cosine = math.cos(angle)
            sine = math.sin(angle)
            u = c[0] / angle
            v = c[1] / angle
            w = c[2] / angle
            along = (u * x + v * y + w * z) * (1.0 - cosine)
            rx = x * cosine + (v * z - w * y) * sine + u * along
            ry = y * cosine + (w * x - u * z) * sine + v * along
            rz = z * cosine + (u * y - v * x) * sine + w * along
        else:
            rx = x + c[1] * z - c[2] * y
            ry = y + c[2] * x - c[0] * z
            rz = z + c[0] * y - c[1] * x
        px = rx / rz
        py = ry / rz
        r2 = px * px + py * py
        stretch = c[6] * (1.0 + c[9] * r2 + c[10] * r2 * r2)
        ex = weights[i] * (stretch * px + c[7] - seen[i, 0])
        ey = weights[i] * (stretch * py + c[8] - seen[i, 1])
        total += ex * ex + ey * ey
    return total


def arguments(n: int) -> Arguments:
    """Return cameras (the first without rotation), points, weights, indices and places seen."""
    rng = generator(43)
    cameras = np.zeros((CAMERAS, 11))
    cameras[:, :3] = 0.2 * rng.normal(size=(CAMERAS, 3))
    cameras[0, :3] = 0.0
    cameras[:, 3:6] = 0.1 * rng.normal(size=(CAMERAS, 3))
    cameras[:, 6] = 1.0 + 0.1 * rng.normal(size=CAMERAS)
    cameras[:, 7:9] = 0.05 * rng.normal(size=(CAMERAS, 2))
    cameras[:, 9:] = 0.02 * rng.normal(size=(CAMERAS, 2))
    points = rng.normal(size=(POINTS, 3)) + np.array([0.0, 0.0, 6.0])
    camera_of, point_of = rng.integers(0, CAMERAS, n), rng.integers(0, POINTS, n)
    camera_of[0] = 0
    seen = points[point_of, :2] / points[point_of, 2:] + 0.05 * rng.normal(size=(n, 2))
    return cameras, points, rng.uniform(0.5, 1.0, n), camera_of, point_of, seen


def _error(jax, jnp):
    """Return the squared error of one observation, with `where` guarded against a zero angle."""

    def error(c, p, weight, seen):
        r, d = c[:3], p - c[3:6]
        angle2 = r @ r
        turned = angle2 > 0.0
        angle = jnp.sqrt(jnp.where(turned, angle2, 1.0))
        axis = r / angle
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        full = d * cosine + jnp.cross(axis, d) * sine + axis * (axis @ d) * (1.0 - cosine)
        at = jnp.where(turned, full, d + jnp.cross(r, d))
        q = at[:2] / at[2]
        r2 = q @ q
        q = q * (c[6] * (1.0 + c[9] * r2 + c[10] * r2 * r2)) + c[7:9]
        return jnp.sum((weight * (q - seen)) ** 2)

    return error


def jax_scan(jax, jnp):
    """Return the loss as a `scan` over the observations."""
    error = _error(jax, jnp)

    def objective(cameras, points, weights, camera_of, point_of, seen):
        def step(total, given):
            c, p, weight, place = given
            return total + error(cameras[c], points[p], weight, place), None

        return jax.lax.scan(step, 0.0, (camera_of, point_of, weights, seen))[0]

    return objective


def jax_vmap(jax, jnp):
    """Return the loss with all observations at once."""
    error = _error(jax, jnp)

    def objective(cameras, points, weights, camera_of, point_of, seen):
        return jnp.sum(jax.vmap(error)(cameras[camera_of], points[point_of], weights, seen))

    return objective


MODEL = Model(
    name="bundle",
    title="bundle adjustment, 64 observations",
    function=loss,
    arguments=arguments,
    tiny=4,
    full=64,
    argnums=(0, 1, 2),
    loops={"JAX": jax_scan},
    library={"JAX library": jax_vmap},
)
