"""A small keyword spotter for spoken digits: the system under test of ``speech_model``.

Written as a product would write it; nothing here knows that it is fuzzed.
"""
