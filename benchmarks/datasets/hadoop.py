"""Hadoop: the work of containers, of which most ran while a machine, a disk or the network failed.

612 of the 811 anomalous sessions of the file are equal to a normal one, key by key, and anomalies
are the majority: F1 0.915, published for every stronger method, is that of flagging everything.
"""

from functools import partial

from benchmarks.datasets import Dataset
from benchmarks.datasets.key_sessions import PROTOCOL, contradictions, parts

DATASET = Dataset(
    golden="hadoop_key_sessions",
    detectors=("hadoop_session_ngrams",),
    parts=partial(parts, pattern="sequences/hadoop_loghub_sessions.csv*"),
    protocol=PROTOCOL,
    published={"F1, every stronger method (Landauer 2024)": 0.915},
    measure=contradictions,
)
