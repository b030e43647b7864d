"""The parts of the model engine: roots, population, proposals, and what is done with a suspect.

The loop that uses them is ``model_loop``; nothing about the code engine may come in here.
"""
