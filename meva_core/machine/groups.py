"""What numba makes of groups of columns: a few pointers, and constants for the places of columns in rows.

A kernel writes `o.mark[c, i]`. Interpreted that is a column of a tuple; here `o` is a type of this module,
`o.mark` one that knows its place in a row, and the whole one address: pointer + (row * width + place). Two
hundred arrays would be two hundred pointers with shapes of their own, which no register holds. No index of a
kernel is negative, so none is wrapped around; NUMBA_BOUNDSCHECK=1 looks whether each is within its axis.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.core.imputils import lower_builtin, lower_getattr_generic
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    infer_getattr,
    infer_global,
    signature,
)
from numba.extending import intrinsic, models, register_model, type_callable

from meva_core.blocks import axes_of, names_by_axes
from meva_core.cycle import KINDS, PLACES
from meva_core.kernel import quotient

_INT: Final = types.int64
_POINTER: Final = types.CPointer(_INT)
_WHOLE: Final = (types.Integer, types.Boolean, types.IntEnumMember)
"""What Python takes for an int of a column."""
SIZES: Final = "cikln"
"""The axes whose lengths are passed along, in this order; others are read from the array itself."""


class ColumnType(types.Type):
    """A column: its place in rows of so many columns, and how many axes it has."""

    def __init__(self, name: str, place: int, width: int, axes: int) -> None:
        self.place, self.width, self.axes = place, width, axes
        super().__init__(name=name)


class GroupType(types.Type):
    """A group: each column with the number of its block, and the axes of each block."""

    def __init__(
        self, name: str, columns: Mapping[str, tuple[int, ColumnType]], blocks: tuple[str, ...]
    ) -> None:
        self.columns, self.blocks = columns, blocks
        super().__init__(name=name)


class NumbersType(types.Type):
    """A tuple of numbers, behind one pointer."""

    def __init__(self, name: str, fields: tuple[str, ...]) -> None:
        self.fields = fields
        super().__init__(name=name)


def group_type(kind: Any) -> GroupType:
    """Return the type of a group: its columns lie in blocks of its own, or in those of all steps' outputs."""
    blocks: Mapping[str, tuple[Any, ...]] = PLACES
    if kind not in KINDS:
        blocks = {
            letters: tuple((kind, name) for name in names) for letters, names in names_by_axes(kind).items()
        }
    columns = {
        name: (number, ColumnType(f"{kind.__name__}.{name}", place, len(places), len(letters)))
        for number, (letters, places) in enumerate(blocks.items())
        for place, (owner, name) in enumerate(places)
        if owner is kind
    }
    assert columns.keys() == axes_of(kind).keys(), kind
    return GroupType(kind.__name__, columns, tuple(blocks))


# -- In memory ----------------------------------------------------------------------------------------


@register_model(ColumnType)
class _ColumnModel(models.StructModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        sizes = [(f"n{axis}", types.intp) for axis in range(kind.axes)]
        super().__init__(manager, kind, [("data", _POINTER), *sizes])


@register_model(GroupType)
class _GroupModel(models.StructModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        members: list[Any] = []
        for number, letters in enumerate(kind.blocks):
            members.append((f"data{number}", _POINTER))
            members += [(f"n{number}_{axis}", types.intp) for axis in range(len(letters))]
        super().__init__(manager, kind, members)


@register_model(NumbersType)
class _NumbersModel(models.StructModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, [("data", _POINTER)])


# -- A group's columns --------------------------------------------------------------------------------


@infer_getattr
class _GroupAttributes(AttributeTemplate):
    key = GroupType

    def generic_resolve(self, group: Any, name: str) -> Any:
        return group.columns[name][1] if name in group.columns else None


@lower_getattr_generic(GroupType)
def _column_of(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    number, column = kind.columns[name]
    group = cgutils.create_struct_proxy(kind)(context, builder, value=value)
    found = cgutils.create_struct_proxy(column)(context, builder)
    found.data = getattr(group, f"data{number}")
    for axis in range(column.axes):
        setattr(found, f"n{axis}", getattr(group, f"n{number}_{axis}"))
    return found._getvalue()


@infer_getattr
class _ColumnAttributes(AttributeTemplate):
    key = ColumnType

    def generic_resolve(self, column: Any, name: str) -> Any:
        return types.UniTuple(types.intp, column.axes) if name == "shape" else None


@lower_getattr_generic(ColumnType)
def _shape_of(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    column = cgutils.create_struct_proxy(kind)(context, builder, value=value)
    return cgutils.pack_array(builder, [getattr(column, f"n{axis}") for axis in range(kind.axes)])


# -- A column's values --------------------------------------------------------------------------------


def _index(column: Any, given: Any) -> Any:
    """Return the type of a column's index; None for what is no column, or no index of one.

    numba would cut a float to an int where Python raises.
    """
    if not isinstance(column, ColumnType):
        return None
    places = tuple(given) if isinstance(given, types.BaseTuple) else (given,)
    if len(places) != column.axes or not all(isinstance(place, _WHOLE) for place in places):
        return None
    return types.intp if column.axes == 1 else types.UniTuple(types.intp, column.axes)


@infer_global(operator.getitem)
class _Get(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        index = _index(*args)
        return None if index is None else signature(_INT, args[0], index)


@infer_global(operator.setitem)
class _Set(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        index = _index(*args[:2])
        if index is None or not isinstance(args[2], _WHOLE):
            return None
        return signature(types.none, args[0], index, _INT)


def _address(context: Any, builder: Any, kind: ColumnType, value: Any, index: Any) -> Any:
    column = cgutils.create_struct_proxy(kind)(context, builder, value=value)
    places = [index] if kind.axes == 1 else cgutils.unpack_tuple(builder, index, kind.axes)
    if config.BOUNDSCHECK:
        for axis, place in enumerate(places):
            cgutils.do_boundscheck(context, builder, place, getattr(column, f"n{axis}"), axis)
    row = places[0]
    for axis in range(1, kind.axes):
        row = builder.mul(row, getattr(column, f"n{axis}"), flags=["nsw"])
        row = builder.add(row, places[axis], flags=["nsw"])
    cells = builder.mul(row, ir.Constant(row.type, kind.width), flags=["nsw"])
    # The constant last and by itself: so it is part of the instruction, and rows are reached once.
    return builder.gep(
        builder.gep(column.data, [cells], inbounds=True), [ir.Constant(row.type, kind.place)], inbounds=True
    )


@lower_builtin(operator.getitem, ColumnType, types.Any)
def _load(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.load(_address(context, builder, sig.args[0], *args))


@lower_builtin(operator.setitem, ColumnType, types.Any, types.Any)
def _store(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    builder.store(args[2], _address(context, builder, sig.args[0], *args[:2]))
    return context.get_dummy_value()


# -- Numbers ------------------------------------------------------------------------------------------


@infer_getattr
class _NumbersAttributes(AttributeTemplate):
    key = NumbersType

    def generic_resolve(self, numbers: Any, name: str) -> Any:
        return _INT if name in numbers.fields else None


@lower_getattr_generic(NumbersType)
def _number_of(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    data = cgutils.create_struct_proxy(kind)(context, builder, value=value).data
    return builder.load(
        builder.gep(data, [ir.Constant(ir.IntType(64), kind.fields.index(name))], inbounds=True)
    )


@type_callable(quotient)
def _quotient_type(context: Any) -> Any:
    return lambda a, b: _INT


@lower_builtin(quotient, types.Integer, types.Integer)
def _quotient(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.udiv(
        *(context.cast(builder, x, kind, _INT) for x, kind in zip(args, sig.args, strict=True))
    )


# -- Made within the loop ---------------------------------------------------------------------------------


def maker(kind: Any) -> Any:
    """Return a function for compiled code that makes a group of its blocks and of the lengths of SIZES."""
    group = group_type(kind)

    @intrinsic
    def make(typing: Any, blocks: Any, sizes: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            made = cgutils.create_struct_proxy(group)(context, builder)
            arrays = cgutils.unpack_tuple(builder, args[0], len(group.blocks))
            lengths = cgutils.unpack_tuple(builder, args[1], len(SIZES))
            for number, letters in enumerate(group.blocks):
                array = context.make_array(sig.args[0][number])(context, builder, arrays[number])
                own = cgutils.unpack_tuple(builder, array.shape)
                setattr(made, f"data{number}", array.data)
                for axis, letter in enumerate(letters):
                    # One number for an axis of all groups: then it is known that their rows are equally long.
                    # Indexes are held against what the array itself has.
                    shared = letter in SIZES and not config.BOUNDSCHECK
                    length = lengths[SIZES.index(letter)] if shared else own[axis]
                    setattr(made, f"n{number}_{axis}", length)
            return made._getvalue()

        return group(blocks, sizes), codegen

    return make


def numbers_maker(kind: Any) -> Any:
    """Return a function for compiled code that makes a tuple of numbers of an array."""
    numbers = NumbersType(kind.__name__, kind._fields)

    @intrinsic
    def make(typing: Any, array: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            made = cgutils.create_struct_proxy(numbers)(context, builder)
            made.data = context.make_array(sig.args[0])(context, builder, args[0]).data
            return made._getvalue()

        return numbers(array), codegen

    return make
