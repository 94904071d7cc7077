"""How a live scorer is: metrics, alarms about silence, canaries."""
