"""Windows machines on which something is made to start again by itself (OTRF Security Datasets)."""

from benchmarks.datasets.otrf import dataset_of

DATASET = dataset_of("persistence", ("T1547", "T1543"))
