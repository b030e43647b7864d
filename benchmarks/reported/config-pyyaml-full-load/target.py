"""The settings of a training run, with the loader of tuples and numbers."""

import sys

import yaml

on = False


def settings(data: bytes) -> object:
    return yaml.load(data, Loader=yaml.FullLoader)


class Unsafe(BaseException):
    """Code that stood in the file was about to run."""


def watch(event, arguments):
    if on and event in ("exec", "os.system", "subprocess.Popen"):
        raise Unsafe(event)


sys.addaudithook(watch)


def target(data: bytes) -> object:
    global on
    on = True
    try:
        return settings(data)
    finally:
        on = False
