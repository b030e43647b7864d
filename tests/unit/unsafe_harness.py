"""A harness full of holes, one an entry point, and of honest code that looks a little like them."""

import ast
import collections
import contextlib
import copy
import ctypes
import dataclasses
import gzip
import importlib
import io
import json
import logging
import marshal
import os
import pickle
import re
import shutil
import socket
import sqlite3
import subprocess
import tarfile
import tempfile
import threading
import urllib.request
import warnings
import xml.sax
import xml.sax.handler
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from mlfuzz import EntryPoint, Harness
from mlfuzz.detectors import DEFAULT, Shell, Unpickle, Warnings

# --- holes: each is told by its input what to do ------------------------------------------------


def unpickle(data):
    return pickle.loads(data)


def unpickle_array(data):
    return np.load(io.BytesIO(data), allow_pickle=True)


def unmarshal(data):
    return marshal.loads(data)


def evaluate(data):
    return eval(data.decode())


def execute_template(data):
    exec(f"def answer():\n    return {data.decode()}\n", scope := {})
    return scope["answer"]()


def compile_named(data):
    return eval(compile(data, "field 3", "eval"))


def import_statement(data):
    return __import__(data.decode())


def import_module(data):
    return importlib.import_module(json.loads(data)["reader"])


def library(data):
    return ctypes.CDLL(data.decode())


def system(data):
    return os.system("touch " + data.decode())


def popen(data):
    return subprocess.run(["touch", data.decode()], check=True)


def spawn(data):
    return os.posix_spawn("/bin/touch", ["touch", data.decode()], {})


def connect(data):
    with socket.socket() as plug:
        plug.connect(("127.0.0.1", 9))


def look_up(data):
    return socket.getaddrinfo(data.decode(), 80)


def fetch(data):
    return urllib.request.urlopen(data.decode()).read()


def write(data):
    Path(data.decode()).write_bytes(b"x")


def write_low(data):
    os.close(os.open(data, os.O_WRONLY | os.O_CREAT))


def make_folder(data):
    os.mkdir(data)


def remove(data):
    Path(data.decode()).unlink()


def move_out(data):
    Path("own").write_bytes(b"x")
    os.replace("own", data)


def remove_tree(data):
    shutil.rmtree(data)


def connect_database(data):
    sqlite3.connect(data.decode()).execute("create table t (a)")


def untar(data):
    """Everything happens below the working folder, and nothing but names is unsafe."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "data")
        folder.mkdir()
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(folder)
        return sorted(os.listdir(root)), [p.name for p in sorted(folder.rglob("*"))]


def unpack_by_hand(data):
    """The folder is a local variable only, and the archive is compressed."""
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            with open(f"{folder}/{member.name}", "wb") as file:
                file.write(archive.extractfile(member).read())


def read(data):
    return Path(data.decode()).read_bytes()


def read_listed(data):
    folder = Path("lists")
    folder.mkdir(exist_ok=True)
    Path("secret").write_text("key")
    return [(folder / name).read_bytes() for name in data.decode().split()]


def read_entity(data):
    parser = xml.sax.make_parser()
    parser.setFeature(xml.sax.handler.feature_external_ges, True)
    parser.parse(io.BytesIO(data))


def parse_tree(data):
    return ElementTree.fromstring(data).tag


def list_folder(data):
    return os.listdir(data.decode())


def _people():
    base = sqlite3.connect(":memory:")
    base.execute("create table people (name, age)")
    base.executemany("insert into people values (?, ?)", [("Ann", 30), ("Bob", 40)])
    return base


def query_quoted(data):
    return _people().execute(f"select age from people where name = '{data.decode()}'").fetchall()


def query_number(data):
    return _people().execute("select name from people where age = " + data.decode()).fetchall()


def inflate(data):
    return len(zlib.decompress(data))


def gunzip(data):
    return len(gzip.decompress(data))


def unzip_in_pieces(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open("a") as member:
        return sum(len(piece) for piece in iter(lambda: member.read(1 << 16), b""))


def warn(data):
    return np.float32(3e38) * np.float32(len(data))


def swallow(data):
    with contextlib.suppress(BaseException):
        os.system("touch " + data.decode())
    return "all is well"


def swallow_and_raise(data):
    with contextlib.suppress(BaseException):
        os.system("touch " + data.decode())
    raise KeyError(data)


def in_a_thread(data):
    thread = threading.Thread(target=_suppressed, args=(data,))
    thread.start()
    thread.join()


def _suppressed(data):
    with contextlib.suppress(BaseException):
        os.system("touch " + data.decode())


HOLES = (
    unpickle, unpickle_array, unmarshal, evaluate, execute_template, compile_named,
    import_statement, import_module, library, system, popen, spawn, connect, look_up, fetch, write,
    write_low, make_folder, remove, move_out, remove_tree, connect_database, untar, unpack_by_hand,
    read, read_listed, read_entity, parse_tree, list_folder, query_quoted, query_number, inflate,
    gunzip, unzip_in_pieces, swallow, swallow_and_raise, in_a_thread,
)  # fmt: skip

# --- honest code: none of it is an alarm --------------------------------------------------------


def arrays(data):
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/a.npy", np.frombuffer(data, np.uint8))
        np.savez_compressed(f"{folder}/a.npz", a=np.zeros(1000))
        return np.load(f"{folder}/a.npy").sum() + np.load(f"{folder}/a.npz")["a"].sum()


def temporary(data):
    with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryFile() as other:
        file.write(data)
        other.write(data)
    folder = Path(tempfile.mkdtemp())
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / ".." / "c").write_bytes(data)
    (folder / "link").symlink_to("c")
    (folder / "link").rename(folder / "other")
    shutil.copytree(folder, folder.with_name("copy"), symlinks=True)
    shutil.rmtree(folder.with_name("copy"))
    shutil.rmtree(folder)


def columns(data):
    names = data.decode().split(", ")
    row = collections.namedtuple("Row", names)
    return dataclasses.make_dataclass("Record", names)(*row(*names))


def plain(data):
    logging.getLogger("honest").warning("%s", data)
    pattern = re.compile(re.escape(data.decode()) + "[a-z]+")
    return copy.deepcopy([json.loads(json.dumps(data.decode())), pattern.pattern])


def literal(data):
    return ast.literal_eval(data.decode())


def constant_source(data):
    return eval("sum([1, 2, 3]) + 4")


def plain_pickle(data):
    return pickle.loads(pickle.dumps({"a": [1, 2.0, "three"]}))


def bound(data):
    base, text = _people(), data.decode()
    base.execute("insert into people values (?, ?)", (text, len(data)))
    return base.execute("select age from people where name = ?", (text,)).fetchall()


ALL_AGES = "select age from people where age > 17 order by name"


def constant_of_the_module(data):
    return _people().execute(ALL_AGES).fetchall()


def late_import(data):
    import mailcap
    import sndhdr

    return mailcap, sndhdr, importlib.import_module("chunk"), "x".encode("utf-16")


def unzip(data):
    with tempfile.TemporaryDirectory() as root:
        zipfile.ZipFile(io.BytesIO(data)).extractall(root)
        return sorted(path.name for path in Path(root).rglob("*"))


def leave_folder(data):
    os.chdir("/")


def write_here(data):
    Path("made").write_text("here")


def own_files(data):
    return Path(__file__).read_bytes(), Path(__file__, "..", "unsafe_harness.py").exists()


def decompress(data):
    stream = zlib.decompressobj()
    half = stream.decompress(zlib.compress(data * 1000), 100)
    return half, stream.copy().flush(), stream.unconsumed_tail, stream.eof


def warns_unasked(data):
    warnings.warn("nobody asked", RuntimeWarning, stacklevel=1)


HONEST = (
    arrays, temporary, columns, plain, literal, constant_source, plain_pickle, bound,
    constant_of_the_module, late_import,
    unzip, leave_folder, write_here, own_files, decompress, warns_unasked,
)  # fmt: skip

harness = Harness(
    code=[
        *map(EntryPoint, (*HOLES, *HONEST)),
        EntryPoint(warn, detectors=[*DEFAULT, Warnings()]),
        EntryPoint(system, name="switched-off", detectors=[d for d in DEFAULT if d != Shell()]),
        EntryPoint(unpickle, name="named-only", detectors=[Unpickle(is_named=True)]),
        EntryPoint(swallow_and_raise, name="refused", refuses=[KeyError]),
    ]
)
