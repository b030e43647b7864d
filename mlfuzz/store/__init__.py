"""What lasts of a run: the corpus and the findings, as folders of files.

No engine, no harness and no framework may come in here; bytes come in, bytes go out.
"""

from mlfuzz.store.corpus import Corpus
from mlfuzz.store.files import digest, read_file
from mlfuzz.store.finding import Finding, finding_id, load_finding, replay_command
from mlfuzz.store.findings import Findings, SaveState, all_findings, only_match
from mlfuzz.store.writer import Writer

__all__ = [
    "Corpus",
    "Finding",
    "Findings",
    "SaveState",
    "Writer",
    "all_findings",
    "digest",
    "finding_id",
    "load_finding",
    "only_match",
    "read_file",
    "replay_command",
]
