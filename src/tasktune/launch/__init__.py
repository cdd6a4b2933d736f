"""The same run elsewhere: on Ray's workers, or on GPUs of a cloud."""
