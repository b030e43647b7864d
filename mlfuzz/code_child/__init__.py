"""The process that Atheris fuzzes one entry point in: ``python -m mlfuzz.code_child ...``.

Started by the code engine, imported by nobody.
"""
