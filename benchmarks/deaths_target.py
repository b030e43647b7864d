"""A target that dies in every way there is: the first byte of the input says how."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

KINDS = {
    "E": "Python exception",
    "S": "segmentation fault",
    "A": "abort",
    "F": "floating-point trap",
    "N": "native stack overflow",
    "X": "os._exit",
    "K": "SIGKILL",
    "P": "hang in Python",
    "C": "hang in C",
    "M": "memory in Python",
    "R": "memory in C",
    "D": "deep recursion",
    "B": "BaseException",
    "Q": "SystemExit",
}
"""Faults; the other letters only make a mess: output, folder, threads, files."""


class Panic(BaseException):
    """As Rust extensions raise it: no ``Exception``."""


def target(data: bytes) -> int:
    """Two gates, then a death."""
    if len(data) < 3 or data[1:3] != b"!!":
        return 0
    kind = chr(data[0])
    if kind == "E":
        raise KeyError(kind)
    if kind == "S":
        ctypes.string_at(1)
    if kind == "A":
        os.abort()
    if kind == "F":
        signal.raise_signal(signal.SIGFPE)
    if kind == "N":
        return overflow()
    if kind == "X":
        os._exit(3)
    if kind == "K":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "P":
        while True:
            len(data)
    if kind == "C":
        sum(range(10**13))  # no signal is looked at in there
    if kind == "M":
        return len(bytearray(16 << 30))
    if kind == "R":
        return resident()
    if kind == "D":
        return target(data) + 1
    if kind == "B":
        raise Panic(kind)
    if kind == "Q":
        sys.exit(1)
    return mess(kind)


def overflow() -> int:
    """A quicksort in C whose comparison sorts again: the native stack ends first."""
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    items = (ctypes.c_int * 2)(2, 1)
    libc = ctypes.CDLL(None)
    sys.setrecursionlimit(1 << 30)

    def compare(_a: int, _b: int) -> int:
        libc.qsort(items, 2, 4, callback)
        return 0

    callback = kind(compare)
    libc.qsort(items, 2, 4, callback)
    return 0


def resident() -> int:
    """Memory that malloc hands out until there is none: C code asks nobody."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    while True:
        memory = libc.malloc(16 << 20)
        if memory:
            libc.memset(memory, 1, 16 << 20)


def mess(kind: str) -> int:
    """What no fuzzer should die of, nor call a fault."""
    if kind == "O":
        print("flood " * 20_000)
    if kind == "G":
        os.chdir("/")
    if kind == "T":
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    if kind == "L":
        with open(f"left-{time.monotonic_ns()}", "w") as file:
            file.write(kind)
    return 1
