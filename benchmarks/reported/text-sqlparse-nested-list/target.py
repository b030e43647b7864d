"""The kinds of the statements that a model wrote, asked before they are run."""

import sqlparse


def target(data: bytes) -> object:
    return [statement.get_type() for statement in sqlparse.parse(data.decode("utf-8", "replace"))]
