"""Write elements, copies and views of arrays without gaps, in the fewest instructions.

In: Numba's types and LLVM values of emitted functions. Out: the values that Numba's own lowering
would give, a negative index counted from the end as in NumPy. What the types say is asked first,
by the functions whose names begin with `is`; anything else is left to Numba.
"""

from __future__ import annotations

from typing import Any


def is_whole(index: Any) -> bool:
    """Tell whether a constant index names all of an array."""
    return index is Ellipsis or index == slice(None, None, None)


def is_alike(target: Any, value: Any) -> bool:
    """Tell whether both are arrays that lie in memory in the same order, without gaps."""
    from numba.core import types

    array: Any = types.Array
    return (
        isinstance(target, array)
        and isinstance(value, array)
        and target.layout == value.layout == "C"
        and (target.dtype, target.ndim) == (value.dtype, value.ndim)
    )


def is_element(array: Any, index: Any) -> bool:
    """Tell whether an index of integers names one element of an array without gaps."""
    from numba.core import types as numba_types

    types: Any = numba_types
    if type(array) is not types.Array or array.layout != "C" or index is None:
        return False
    parts = tuple(index) if isinstance(index, types.BaseTuple) else (index,)
    return len(parts) == array.ndim and all(types.unliteral(part) == types.intp for part in parts)


def element(context: Any, builder: Any, array: tuple[Any, Any], kind: Any, index: Any) -> Any:
    """Write the address of one element; a negative index counts from the end, as in NumPy.

    `array` is a type and a value, `kind` is the type of the index.
    """
    from numba.core import cgutils

    type, value = array
    fields = context.data_model_manager[type].get_field_position
    shape = builder.extract_value(value, fields("shape"))
    lengths = [builder.extract_value(shape, axis) for axis in range(type.ndim)]
    indices = [index]
    if hasattr(kind, "count"):  # the index is a tuple
        indices = [builder.extract_value(index, axis) for axis in range(type.ndim)]
    data = builder.extract_value(value, fields("data"))
    return cgutils.get_item_pointer2(
        context, builder, data, lengths, None, "C", indices, wraparound=True
    )


def copy_whole(
    context: Any, builder: Any, target: tuple[Any, Any], source: tuple[Any, Any]
) -> None:
    """Write the copy of one array to another of the same shape, each a type and a value."""
    from numba.core import cgutils
    from numba.np.arrayobj import make_array

    into, given = (make_array(type)(context, builder, value) for type, value in (target, source))
    different = builder.icmp_signed("!=", into.nitems, given.nitems)
    with cgutils.if_unlikely(builder, different):
        message = ("an array is copied to one of another size",)
        context.call_conv.return_user_exc(builder, ValueError, message)
    cgutils.raw_memmove(builder, into.data, given.data, into.nitems, into.itemsize)


# -- views -----------------------------------------------------------------------------------------


def is_stretch(array: Any, index: Any) -> bool:
    """Tell whether an index takes a stretch out of a vector without gaps."""
    from numba.core import types as numba_types

    types: Any = numba_types
    vector = type(array) is types.Array and (array.ndim, array.layout) == (1, "C")
    return vector and isinstance(index, types.SliceType) and not index.has_step


def stretch(context: Any, builder: Any, type: Any, kind: Any, given: tuple[Any, Any]) -> Any:
    """Write the view of a stretch of the workspace, whose ends are known to lie inside of it."""
    array, index = given
    place = context.data_model_manager[kind].get_field_position
    start, stop = (builder.extract_value(index, place(name)) for name in ("start", "stop"))
    field = context.data_model_manager[type].get_field_position
    data = builder.gep(builder.extract_value(array, field("data")), [start])
    return _view(context, builder, (type, array), type, data, [builder.sub(stop, start)])


def is_reshape(called: Any, signature: Any) -> bool:
    """Tell whether a call gives a vector without gaps a shape of integers."""
    from numba.core import types as numba_types

    types: Any = numba_types
    if not (isinstance(called, types.BoundFunction) and called.typing_key == "array.reshape"):
        return False
    array, shapes = called.this, signature.args
    return (
        (array.ndim, array.layout) == (1, "C")
        and len(shapes) == 1
        and isinstance(shapes[0], types.UniTuple)
        and shapes[0].dtype == types.intp
    )


def reshaped(context: Any, builder: Any, type: Any, made: Any, given: tuple[Any, Any]) -> Any:
    """Write the view of a vector as an array of a shape that has as many elements."""
    array, shape = given
    lengths = [builder.extract_value(shape, axis) for axis in range(made.ndim)]
    field = context.data_model_manager[type].get_field_position
    data = builder.extract_value(array, field("data"))
    return _view(context, builder, (type, array), made, data, lengths)


def is_recast(called: Any, signature: Any) -> bool:
    """Tell whether a call reads a vector without gaps as one of another dtype."""
    from numba.core import types as numba_types

    types: Any = numba_types
    if not (isinstance(called, types.BoundFunction) and called.typing_key == "array.view"):
        return False
    array, made = called.this, signature.return_type
    return all(type(x) is types.Array and (x.ndim, x.layout) == (1, "C") for x in (array, made))


def recast(context: Any, builder: Any, type: Any, made: Any, array: Any) -> Any:
    """Write the view of whole words of the workspace as elements of another dtype."""
    from numba.np.arrayobj import get_itemsize, make_array

    owner = make_array(type)(context, builder, array)
    size = owner.nitems.type(get_itemsize(context, made))
    length = builder.udiv(builder.mul(owner.nitems, owner.itemsize), size)
    kind = context.get_data_type(made.dtype).as_pointer()
    data = builder.bitcast(owner.data, kind)
    return _view(context, builder, (type, array), made, data, [length])


def _view(
    context: Any, builder: Any, base: tuple[Any, Any], type: Any, data: Any, lengths: list[Any]
) -> Any:
    """Write an array without gaps that lies in the memory of another."""
    from numba.core.imputils import impl_ret_borrowed
    from numba.np.arrayobj import get_itemsize, make_array, populate_array

    owner = make_array(base[0])(context, builder, base[1])
    size = owner.itemsize.type(get_itemsize(context, type))
    strides = [size]
    for length in lengths[:0:-1]:
        strides.insert(0, builder.mul(strides[0], length))
    view = make_array(type)(context, builder)
    populate_array(
        view,
        data=data,
        shape=lengths,
        strides=strides,
        itemsize=size,
        meminfo=owner.meminfo,
        parent=owner.parent,
    )
    return impl_ret_borrowed(context, builder, type, view._getvalue())
