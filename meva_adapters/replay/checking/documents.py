"""JSON documents of a dataset, read by the one strict reader, with the file's name in its messages."""

from __future__ import annotations

from typing import Any, Final

from meva_adapters.replay.checking.files import SourceFile
from meva_adapters.system import strict_json
from meva_adapters.system.strict_json import Numbers
from meva_core.errors import BadInput

MAX_DOCUMENT: Final = strict_json.MAX_BYTES


def read_json(file: SourceFile, *, numbers: Numbers = "exact") -> tuple[Any, bytes]:
    """Return a document and its bytes. Fractions become Decimals, whole numbers ints, unless `numbers` says
    otherwise, as `strict_json.read_json` has it.

    Raises BadInput, naming the file, as `strict_json.read_json` does, and for documents over MAX_DOCUMENT
    bytes before they are read.
    """
    if file.size > MAX_DOCUMENT:
        raise BadInput(f"{file.name}: {file.size} bytes; at most {MAX_DOCUMENT} are read")
    data = file.read(0, file.size)
    try:
        return strict_json.read_json(data, numbers=numbers), data
    except BadInput as error:
        raise BadInput(f"{file.name}: {error}") from None
