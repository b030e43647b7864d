"""What is done with findings after a run: list them, look at one, replay them.

Functions of the store; no engine may come in here.
"""
