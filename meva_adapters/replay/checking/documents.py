"""JSON documents of a dataset, read by the one strict reader, with the file's name in its messages."""

from __future__ import annotations

from typing import Any, Final

from meva_adapters.replay.checking.files import SourceFile
from meva_adapters.system import strict_json
from meva_core.errors import BadInput

MAX_DOCUMENT: Final = strict_json.MAX_BYTES


def read_json(file: SourceFile) -> tuple[Any, bytes]:
    """Return a document and its bytes. Fractions become Decimals, whole numbers ints.

    Raises BadInput, naming the file, as `strict_json.read_json` does, and for documents over MAX_DOCUMENT
    bytes before they are read.
    """
    if file.size > MAX_DOCUMENT:
        raise BadInput(f"{file.name}: {file.size} bytes; at most {MAX_DOCUMENT} are read")
    data = file.read(0, file.size)
    try:
        return strict_json.read_json(data), data
    except BadInput as error:
        raise BadInput(f"{file.name}: {error}") from None
