"""Windows machines on which passwords are copied or dumped (OTRF Security Datasets)."""

from benchmarks.datasets.otrf import dataset_of

DATASET = dataset_of("credential_access", ("T1003",))
