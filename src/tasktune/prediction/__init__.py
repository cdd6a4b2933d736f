"""Prediction of whole files: a part at a time, and on from where it stopped."""

from tasktune.prediction.file import predict_file, print_predictions

__all__ = ["predict_file", "print_predictions"]
