"""Set the limits and the hook, import the target, run its seeds once, and fuzz until killed.

The only import of Atheris.  ``Fuzz`` never returns, and several ends write nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlfuzz import isolate

if TYPE_CHECKING:
    from mlfuzz.code_child.counters import Counters
    from mlfuzz.code_child.neurons import Neurons
    from mlfuzz.harness import Harness


def main(argv: Sequence[str]) -> None:
    """What happens once: everything that the harness imports, mlfuzz included, under the hook."""
    args = _server_arguments(argv)
    isolate.enter(args.parent)
    import atheris  # after the limits: it may start threads

    from mlfuzz.code_child.instrument import count_branches, hook, instrument
    from mlfuzz.code_child.threads import ThreadWatch

    counters = count_branches()
    hook(args.instrument)
    from mlfuzz.code_child import custom, mutations, session  # noqa: F401 - for all children
    from mlfuzz.harness import load

    threads = ThreadWatch()
    for name in args.hook:
        atheris.enabled_hooks.add(name)
    harness = load(args.harness)
    if harness.entry(args.entry).neurons:
        from mlfuzz.code_child.neurons import import_framework

        import_framework()
    instrument(args.instrument)
    order = isolate.serve(args.control, threads.culprit())
    _fuzz(_child_arguments(order, args), harness, counters)


def _fuzz(args: argparse.Namespace, harness: Harness, counters: Counters | None) -> None:
    """What happens in each child: it runs the seeds, the first one for all, and then fuzzes."""
    import atheris

    from mlfuzz.code_child.custom import Custom
    from mlfuzz.code_child.mutations import Mutations, tokens_of
    from mlfuzz.code_child.session import Session
    from mlfuzz.structure import mutator_for

    announce = _announcer(args.pipe)
    tell = lambda line: announce(note=line)  # noqa: E731
    entry = harness.entry(args.entry)
    seeds = [path.read_bytes() for path in sorted(args.seeds.iterdir())]
    neurons = _neurons(args, harness, counters, tell) if entry.neurons else None
    isolate.limit_memory(args.memory_mb)
    mutate = lambda data, size: atheris.Mutate(data, size)  # noqa: E731 - it changes with Fuzz
    mutations = Mutations(
        mutator_for(seeds, entry.formats, list(tokens_of(args.dictionary.read_text()))),
        counters,
        args.seed,
        mutate=mutate,
        tell=lambda yields: announce(yields=yields),
        has_neurons=neurons is not None,
    )
    then = neurons.before(entry.then) if neurons else entry.then
    session = Session(args, harness, announce, mutations, then)
    session.arm()
    if args.is_often is None:
        slowest_s, typical_s = session.first_pass()
        args.is_often = int(mutations.should_be_often(typical_s))
        is_blind = bool(seeds) and counters is not None and not counters.reached()
        announce(slowest_s=slowest_s, is_often=args.is_often, is_blind=is_blind)
        isolate.limit_memory(args.memory_mb)  # the first pass may have imported more
    if neurons:
        neurons.settle()
    announce(ready=True)
    custom = Custom(entry.options, args.seed, mutate=mutate, tell=tell)
    hooks = custom.hooks(mutations.hooks(bool(args.is_often)))
    atheris.Setup(_flags(args), session.run, **hooks)
    atheris.Fuzz()


def _neurons(
    args: argparse.Namespace,
    harness: Harness,
    counters: Counters | None,
    tell: Callable[[str], None],
) -> Neurons | None:
    """Built in the child: a process with a model cannot be forked."""
    from mlfuzz.code_child.instrument import branches
    from mlfuzz.code_child.neurons import neurons_of

    ranges = args.dictionary.with_name("ranges.npy")
    return neurons_of(harness, counters, branches, ranges, tell)


def _server_arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mlfuzz.code_child", allow_abbrev=False)
    for name in ("harness", "corpora", "queue", "seeds", "skip", "dictionary", "stack"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("seed", "memory-mb", "parent", "beat", "size", "control"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--entry", required=True)
    parser.add_argument("--suffix", default="")
    for name in ("instrument", "hook"):
        parser.add_argument(f"--{name}", action="append", default=[])
    return parser.parse_args(argv)


def _child_arguments(order: Sequence[str], args: argparse.Namespace) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="order", allow_abbrev=False)
    for name in ("pipe", "beat", "executions", "restarts"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--known-hang", action="append", default=[])
    parser.add_argument("--is-often", type=int)
    args = parser.parse_args(order, argparse.Namespace(**vars(args)))
    args.seed += args.restarts  # with the same seed a successor would try the same mutants again
    return args


def _announcer(pipe: int) -> Callable[..., None]:
    def announce(**fields: object) -> None:
        os.write(pipe, (json.dumps(fields) + "\n").encode())  # short: one write is whole

    return announce


def _flags(args: argparse.Namespace) -> list[str]:
    return [
        "mlfuzz",
        str(args.queue),
        str(args.seeds),
        f"-dict={args.dictionary}",
        f"-artifact_prefix={Path.cwd()}/",
        f"-max_len={args.size}",
        f"-seed={args.seed}",
        "-len_control=0",
        "-keep_seed=1",
        "-reload=1",
        "-entropic_scale_per_exec_time=1",  # slow inputs are no parents for all the others
        "-timeout=1000000",  # the parent watches; 0 would mean one second
        "-rss_limit_mb=0",
        # faulthandler writes the stack, and the parent saves the input
        *(f"-handle_{name}=0" for name in ("segv", "bus", "ill", "fpe", "abrt", "usr1", "usr2")),
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
