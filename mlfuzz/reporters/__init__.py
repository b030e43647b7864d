"""Who shows a run while it goes on; each meets ``mlfuzz.progress.Reporter`` and never raises."""
