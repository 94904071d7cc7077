"""The engine Spark: definitions transpiled to Spark SQL, run on local cores or on a cluster."""
