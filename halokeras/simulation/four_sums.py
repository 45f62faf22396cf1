"""Four numbers that are added to four sums at once, which numba would add one by one."""

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


@intrinsic
def add_four(typing, sums, at, weight, numbers):  # type: ignore[no-untyped-def]
    """Add a weight times four numbers to a row of sums, from within a kernel.

    Parameters
    ----------
    typing
        What numba types by.
    sums
        (rows, 4), in the order of C.
    at
        Which row.
    weight
        The weight.
    numbers
        A tuple of the four.
    """

    def build(context, builder, signature, given):  # type: ignore[no-untyped-def]
        number = context.get_value_type(sums.dtype)
        four = ir.VectorType(number, 4)
        rows, row, times, added = given
        once, each = ir.Constant(four, ir.Undefined), ir.Constant(four, ir.Undefined)
        for one, kind in enumerate(numbers.types):
            lane = ir.Constant(ir.IntType(32), one)
            factor = context.cast(builder, times, weight, sums.dtype)
            value = context.cast(builder, builder.extract_value(added, one), kind, sums.dtype)
            once = builder.insert_element(once, factor, lane)
            each = builder.insert_element(each, value, lane)
        first = builder.mul(row, ir.Constant(row.type, 4))
        place = builder.gep(context.make_array(sums)(context, builder, rows).data, [first])
        place = builder.bitcast(place, four.as_pointer())
        align = sums.dtype.bitwidth // 8
        before = builder.load(place, align=align)
        builder.store(builder.fadd(before, builder.fmul(once, each)), place, align=align)
        return context.get_dummy_value()

    return types.void(sums, at, weight, numbers), build
