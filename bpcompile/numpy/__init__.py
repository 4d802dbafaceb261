"""Offer NumPy's functions for models without source: `import bpcompile.numpy as bnp`.

Every function takes traced values and plain arrays, and on plain arrays is NumPy's own. In a model
whose source is at hand `numpy` itself will do; at a prompt or under `exec`, where the source cannot
be rewritten, these are what to write for `np.array([x, y])`, `np.zeros(n)`, `max(a, b)` (`maximum`)
and `math.sin(x)` (`sin`).

    >>> float(maximum(sin(0.0), 1.0))
    1.0

Most are NumPy's objects themselves, since NumPy hands calls on traced values over to us; those that
make arrays are ours. A test holds this list against the rules of `bpcompile.frontend`.
"""

from __future__ import annotations

from numpy import (
    abs as abs,
)
from numpy import (
    absolute as absolute,
)
from numpy import (
    acos as acos,
)
from numpy import (
    acosh as acosh,
)
from numpy import (
    add as add,
)
from numpy import (
    all as all,
)
from numpy import (
    amax as amax,
)
from numpy import (
    amin as amin,
)
from numpy import (
    any as any,
)
from numpy import (
    append as append,
)
from numpy import (
    arccos as arccos,
)
from numpy import (
    arccosh as arccosh,
)
from numpy import (
    arcsin as arcsin,
)
from numpy import (
    arcsinh as arcsinh,
)
from numpy import (
    arctan as arctan,
)
from numpy import (
    arctan2 as arctan2,
)
from numpy import (
    arctanh as arctanh,
)
from numpy import (
    argmax as argmax,
)
from numpy import (
    argmin as argmin,
)
from numpy import (
    around as around,
)
from numpy import (
    array_split as array_split,
)
from numpy import (
    asin as asin,
)
from numpy import (
    asinh as asinh,
)
from numpy import (
    astype as astype,
)
from numpy import (
    atan as atan,
)
from numpy import (
    atan2 as atan2,
)
from numpy import (
    atanh as atanh,
)
from numpy import (
    atleast_1d as atleast_1d,
)
from numpy import (
    atleast_2d as atleast_2d,
)
from numpy import (
    average as average,
)
from numpy import (
    bitwise_and as bitwise_and,
)
from numpy import (
    bitwise_invert as bitwise_invert,
)
from numpy import (
    bitwise_not as bitwise_not,
)
from numpy import (
    bitwise_or as bitwise_or,
)
from numpy import (
    bitwise_xor as bitwise_xor,
)
from numpy import (
    bool_ as bool_,
)
from numpy import (
    broadcast_arrays as broadcast_arrays,
)
from numpy import (
    broadcast_to as broadcast_to,
)
from numpy import (
    cbrt as cbrt,
)
from numpy import (
    ceil as ceil,
)
from numpy import (
    clip as clip,
)
from numpy import (
    column_stack as column_stack,
)
from numpy import (
    concat as concat,
)
from numpy import (
    concatenate as concatenate,
)
from numpy import (
    conj as conj,
)
from numpy import (
    conjugate as conjugate,
)
from numpy import (
    copy as copy,
)
from numpy import (
    copysign as copysign,
)
from numpy import (
    cos as cos,
)
from numpy import (
    cosh as cosh,
)
from numpy import (
    count_nonzero as count_nonzero,
)
from numpy import (
    deg2rad as deg2rad,
)
from numpy import (
    degrees as degrees,
)
from numpy import (
    diag as diag,
)
from numpy import (
    diagonal as diagonal,
)
from numpy import (
    diff as diff,
)
from numpy import (
    divide as divide,
)
from numpy import (
    divmod as divmod,
)
from numpy import (
    dot as dot,
)
from numpy import (
    e as e,
)
from numpy import (
    einsum as einsum,
)
from numpy import (
    empty_like as empty_like,
)
from numpy import (
    equal as equal,
)
from numpy import (
    exp as exp,
)
from numpy import (
    exp2 as exp2,
)
from numpy import (
    expand_dims as expand_dims,
)
from numpy import (
    expm1 as expm1,
)
from numpy import (
    fabs as fabs,
)
from numpy import (
    flip as flip,
)
from numpy import (
    float32 as float32,
)
from numpy import (
    float64 as float64,
)
from numpy import (
    float_power as float_power,
)
from numpy import (
    floor as floor,
)
from numpy import (
    floor_divide as floor_divide,
)
from numpy import (
    fmod as fmod,
)
from numpy import (
    full_like as full_like,
)
from numpy import (
    greater as greater,
)
from numpy import (
    greater_equal as greater_equal,
)
from numpy import (
    hstack as hstack,
)
from numpy import (
    hypot as hypot,
)
from numpy import (
    inf as inf,
)
from numpy import (
    inner as inner,
)
from numpy import (
    int64 as int64,
)
from numpy import (
    invert as invert,
)
from numpy import (
    isfinite as isfinite,
)
from numpy import (
    isinf as isinf,
)
from numpy import (
    isnan as isnan,
)
from numpy import (
    less as less,
)
from numpy import (
    less_equal as less_equal,
)
from numpy import (
    log as log,
)
from numpy import (
    log1p as log1p,
)
from numpy import (
    log2 as log2,
)
from numpy import (
    log10 as log10,
)
from numpy import (
    logaddexp as logaddexp,
)
from numpy import (
    logical_and as logical_and,
)
from numpy import (
    logical_not as logical_not,
)
from numpy import (
    logical_or as logical_or,
)
from numpy import (
    logical_xor as logical_xor,
)
from numpy import (
    matmul as matmul,
)
from numpy import (
    matrix_transpose as matrix_transpose,
)
from numpy import (
    max as max,
)
from numpy import (
    maximum as maximum,
)
from numpy import (
    mean as mean,
)
from numpy import (
    meshgrid as meshgrid,
)
from numpy import (
    min as min,
)
from numpy import (
    minimum as minimum,
)
from numpy import (
    mod as mod,
)
from numpy import (
    moveaxis as moveaxis,
)
from numpy import (
    multiply as multiply,
)
from numpy import (
    nan as nan,
)
from numpy import (
    nan_to_num as nan_to_num,
)
from numpy import (
    ndarray as ndarray,
)
from numpy import (
    ndim as ndim,
)
from numpy import (
    negative as negative,
)
from numpy import (
    newaxis as newaxis,
)
from numpy import (
    not_equal as not_equal,
)
from numpy import (
    ones_like as ones_like,
)
from numpy import (
    outer as outer,
)
from numpy import (
    permute_dims as permute_dims,
)
from numpy import (
    pi as pi,
)
from numpy import (
    positive as positive,
)
from numpy import (
    pow as pow,
)
from numpy import (
    power as power,
)
from numpy import (
    prod as prod,
)
from numpy import (
    ptp as ptp,
)
from numpy import (
    rad2deg as rad2deg,
)
from numpy import (
    radians as radians,
)
from numpy import (
    ravel as ravel,
)
from numpy import (
    real as real,
)
from numpy import (
    real_if_close as real_if_close,
)
from numpy import (
    reciprocal as reciprocal,
)
from numpy import (
    remainder as remainder,
)
from numpy import (
    reshape as reshape,
)
from numpy import (
    rint as rint,
)
from numpy import (
    round as round,
)
from numpy import (
    select as select,
)
from numpy import (
    shape as shape,
)
from numpy import (
    sign as sign,
)
from numpy import (
    sin as sin,
)
from numpy import (
    sinh as sinh,
)
from numpy import (
    size as size,
)
from numpy import (
    split as split,
)
from numpy import (
    sqrt as sqrt,
)
from numpy import (
    square as square,
)
from numpy import (
    squeeze as squeeze,
)
from numpy import (
    stack as stack,
)
from numpy import (
    std as std,
)
from numpy import (
    subtract as subtract,
)
from numpy import (
    sum as sum,
)
from numpy import (
    swapaxes as swapaxes,
)
from numpy import (
    take as take,
)
from numpy import (
    take_along_axis as take_along_axis,
)
from numpy import (
    tan as tan,
)
from numpy import (
    tanh as tanh,
)
from numpy import (
    tensordot as tensordot,
)
from numpy import (
    trace as trace,
)
from numpy import (
    transpose as transpose,
)
from numpy import (
    tril as tril,
)
from numpy import (
    triu as triu,
)
from numpy import (
    true_divide as true_divide,
)
from numpy import (
    trunc as trunc,
)
from numpy import (
    var as var,
)
from numpy import (
    vdot as vdot,
)
from numpy import (
    vecdot as vecdot,
)
from numpy import (
    vstack as vstack,
)
from numpy import (
    where as where,
)
from numpy import (
    zeros_like as zeros_like,
)

from bpcompile.frontend.creation import (
    arange as arange,
)
from bpcompile.frontend.creation import (
    array as array,
)
from bpcompile.frontend.creation import (
    asarray as asarray,
)
from bpcompile.frontend.creation import (
    empty as empty,
)
from bpcompile.frontend.creation import (
    eye as eye,
)
from bpcompile.frontend.creation import (
    full as full,
)
from bpcompile.frontend.creation import (
    identity as identity,
)
from bpcompile.frontend.creation import (
    linspace as linspace,
)
from bpcompile.frontend.creation import (
    ones as ones,
)
from bpcompile.frontend.creation import (
    zeros as zeros,
)
from bpcompile.numpy import linalg as linalg
