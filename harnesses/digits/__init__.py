"""A small reader of handwritten digits: the system under test of ``digits_model``.

Written as a product would write it; nothing here knows that it is fuzzed.
"""
