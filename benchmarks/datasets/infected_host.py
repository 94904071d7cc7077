"""Flows of an infected host: the data at hand allow no measure, and this says why.

Suricata: one host infected with IcedID (2023-10-31, 31 units) against the mail server of a testbed
(2020, 11 units): the class is that of the file, and eleven ordinary units are too few to choose a
threshold on and to judge. Zeek: test14 and test15, called malicious, repeat lines of test9, called
mixed, and have seven records in their conn.log.
"""

from pathlib import Path
from typing import NoReturn

from benchmarks.datasets import Dataset, MissingDataError


def _parts(data: Path, into: Path) -> NoReturn:
    raise MissingDataError(
        f"no capture below {data} has flows of infected and of ordinary hosts of one network, which"
        " are needed to tell more than two captures apart; contribute such flows to infected_host"
    )


DATASET = Dataset(
    golden="infected_host",
    detectors=("infected_host_shape",),
    parts=_parts,
    protocol="Not measured: each class has one capture of its own, and there are eleven ordinary"
    " units.",
)
