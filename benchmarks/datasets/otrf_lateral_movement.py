"""Windows machines on which a remote machine is made to run something (OTRF Security Datasets)."""

from benchmarks.datasets.otrf import dataset_of

DATASET = dataset_of("lateral_movement", ("T1047", "T1021"))
