"""How good a model is: metrics, baselines, calibration, and the gate between two models."""
