"""One cluster and one session for all tests of the engine: each takes seconds to start."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import SHORT_LIVED_JAVA, Cluster, running_cluster

from whetstone.settings import Settings


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A standalone master with two workers on this machine."""
    with running_cluster(tmp_path_factory.mktemp("cluster"), workers=2) as started:
        yield started


@pytest.fixture(scope="session")
def on_cluster(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings that choose Spark on the cluster."""
    from whetstone.spark.session import close_session

    yield spark_settings(cluster.master, tmp_path_factory.mktemp("home"))
    close_session()


def spark_settings(master: str, home: Path) -> Settings:
    """Settings of an installation that computes on Spark, in little memory and few tasks."""
    options = {
        "spark.executor.memory": "512m",
        "spark.driver.memory": "1g",
        "spark.executor.extraJavaOptions": SHORT_LIVED_JAVA,
        "spark.driver.extraJavaOptions": SHORT_LIVED_JAVA,
        "spark.sql.shuffle.partitions": "2",
        # To compile whole stages takes longer than these few rows; expressions are compiled anyway.
        "spark.sql.codegen.wholeStage": "false",
    }
    return Settings(home=home, engine="spark", spark_master=master, spark_options=options)  # pyright: ignore[reportCallIssue]
