"""How an exception is named and quoted; hostile ones included."""

from __future__ import annotations


def type_name(kind: type[BaseException]) -> str:
    """Qualified, without ``builtins``."""
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def message_of(error: BaseException) -> str:
    """The exception's text; an exception may fail even at that."""
    try:
        return str(error)
    except BaseException as failure:
        return f"<no text: {type_name(type(failure))}>"
