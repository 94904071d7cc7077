"""OpenStack: the lives of virtual machines, some with a fault injected.

195 of the 198 anomalous sessions of the file are equal to a normal one, key by key.
"""

from functools import partial

from benchmarks.datasets import Dataset
from benchmarks.datasets.key_sessions import PROTOCOL, contradictions, parts

DATASET = Dataset(
    golden="openstack_key_sessions",
    detectors=("openstack_session_ngrams",),
    parts=partial(parts, pattern="sequences/openstack_loghub_sessions.csv*"),
    protocol=PROTOCOL,
    measure=contradictions,
)
