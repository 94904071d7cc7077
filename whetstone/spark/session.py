"""The Spark session of this process: local cores, a standalone cluster or Spark Connect.

Whatever the master, definitions mean the same: the zone is UTC, errors are errors (ANSI), and
nothing is shown, listened for or sent anywhere but to the cluster's own machines.
"""

# pyspark's types are partly unknown.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false

import hashlib
import os
import shutil
import socket
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any, cast

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from whetstone.errors import EngineError
from whetstone.settings import PROJECT_ROOT, Settings

_CONNECT = "sc://"
_SECONDS_TO_ANSWER = 5
# These can be set on a running Spark Connect server as well.
_MEANING = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.parquet.compression.codec": "zstd",
    # Few rows a batch cost more calls of kernels, many cost memory: lines can be long.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
    "spark.sql.execution.arrow.maxBytesPerBatch": str(64 << 20),
}
_MANNERS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    # The driver lives as long as its process: it need not remember what it ran, nor how.
    "spark.sql.maxPlanStringLength": "10000",
    "spark.sql.ui.retainedExecutions": "1",
    "spark.ui.retainedJobs": "10",
    "spark.ui.retainedStages": "10",
    "spark.ui.retainedTasks": "1000",
    "spark.sql.codegen.cache.maxEntries": "50",
    # Adaptive execution makes fewer of them where there is little.
    "spark.sql.shuffle.partitions": "64",
}
_opened: dict[tuple[str, str, str], SparkSession] = {}


def open_session(settings: Settings) -> SparkSession:
    """This process' session; it is opened once and closed when the process ends.

    Raises:
        EngineError: Java is missing or the master does not answer; the message names the setting.
    """
    options = repr(sorted(settings.spark_options.items()))
    key = (settings.spark_master, settings.spark_python, options)
    session = _opened.get(key)
    if session is None:
        _check(settings.spark_master)
        close_session()
        session = _opened[key] = _opened_now(settings)
    return session


def close_session() -> None:
    """Close this process' session, if there is one: the next use opens a new one."""
    while _opened:
        _, session = _opened.popitem()
        try:
            session.stop()
        except Exception:  # noqa: S112  the JVM or the server may be gone already
            continue


def _opened_now(settings: Settings) -> SparkSession:
    master = settings.spark_master
    if master.startswith(_CONNECT):
        session = _connected(settings)
        session.addArtifacts(str(_packed()), pyfile=True)
        return session
    local = master.startswith("local")
    os.environ["PYSPARK_PYTHON"] = settings.spark_python or sys.executable
    properties = {**_MANNERS, **_MEANING}
    if local or _host_and_port(master, 7077)[0] in {"127.0.0.1", "localhost", "::1"}:
        properties |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    builder = cast(Any, SparkSession.builder).master(master).appName("whetstone")
    for name, value in {**properties, **settings.spark_options}.items():
        builder = builder.config(name, value)
    try:
        session = cast(SparkSession, builder.getOrCreate())
    except Exception as error:
        raise _unopened(master, error) from error
    if not local:
        session.sparkContext.addPyFile(str(_packed()))
    return session


def _check(master: str) -> None:
    """What Spark itself would say late, in many lines, or not at all."""
    if master.startswith(_CONNECT):
        _answers(master, 15002)
        return
    if not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
        raise EngineError(
            "Spark needs Java 17 or later, and there is none: install it (`make java`, Debian: apt"
            " install openjdk-17-jre-headless) or set WHETSTONE_ENGINE=duckdb"
        )
    if master.startswith("spark://"):
        _answers(master, 7077)


def _connected(settings: Settings) -> SparkSession:
    builder = cast(Any, SparkSession.builder).remote(settings.spark_master)
    for name, value in {**_MEANING, **settings.spark_options}.items():
        builder = builder.config(name, value)
    try:
        session = cast(SparkSession, builder.getOrCreate())
        session.conf.get("spark.sql.session.timeZone")
    except (PySparkException, OSError) as error:
        raise _unopened(settings.spark_master, error) from error
    return session


def _unopened(master: str, error: Exception) -> EngineError:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return EngineError(
        f"no Spark session on {master}: {first}; check WHETSTONE_SPARK_MASTER and"
        " WHETSTONE_SPARK_OPTIONS, or set WHETSTONE_ENGINE=duckdb"
    )


def _answers(master: str, port: int) -> None:
    """Spark itself would try for minutes and then stop the process."""
    host, port = _host_and_port(master, port)
    try:
        socket.create_connection((host, port), _SECONDS_TO_ANSWER).close()
    except OSError as error:
        raise EngineError(
            f"nothing answers at {master} ({error}): start Spark there, correct"
            " WHETSTONE_SPARK_MASTER, or set WHETSTONE_ENGINE=duckdb"
        ) from error


def _host_and_port(master: str, default: int) -> tuple[str, int]:
    """Of the first master, where several are named."""
    address = master.partition("://")[2].split(",")[0].split("/")[0].split(";")[0]
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit():
        return host.strip("[]"), int(port)
    return address, default


def _packed() -> Path:
    """The runtime as an archive for workers that do not have it; one name for one content."""
    files = sorted((PROJECT_ROOT / "whetstone").rglob("*.py"))
    content = hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()
    packed = Path(tempfile.mkdtemp(prefix="whetstone-spark-")) / f"whetstone-{content[:12]}.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(PROJECT_ROOT))
    return packed
