"""product_of_sums_value_and_grad: the value and gradient of `product_of_sums` in x, y and z.

    product_of_sums = (x + y) z

x: f64[]   y: f64[]   z: f64[]

A call takes about 2 operations.
Written by bpcompile for Numba: mathematics by libm.
"""

from numba import njit


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _main(x, y, z):
    """Fill the array results and return the scalar ones."""
    z_bar = x + y
    product_of_sums = z_bar * z
    return (product_of_sums, z, z, z_bar)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def product_of_sums_value_and_grad(x, y, z):
    """Return the value and gradient of `product_of_sums` in x, y and z."""
    product_of_sums_2, z_2, z_3, z_bar_2 = _main(x, y, z)
    return (product_of_sums_2, (z_2, z_3, z_bar_2))


@njit(error_model="numpy", nogil=True, boundscheck=False)
def product_of_sums_value_and_grad_fill(x, y, z):
    """Fill the array results and return the scalar ones."""
    return _main(x, y, z)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def product_of_sums_value_and_grad_into(
    x, y, z, product_of_sums_2_out, z_2_out, z_3_out, z_bar_2_out,
):
    """Fill one array per result, of shape () for a scalar."""
    product_of_sums_2, z_2, z_3, z_bar_2 = _main(x, y, z)
    product_of_sums_2_out[()] = product_of_sums_2
    z_2_out[()] = z_2
    z_3_out[()] = z_3
    z_bar_2_out[()] = z_bar_2


@njit(error_model="numpy", nogil=True, boundscheck=False)
def product_of_sums_value_and_grad_workspace():
    """Return the length of the workspace in float64 words."""
    return 0
