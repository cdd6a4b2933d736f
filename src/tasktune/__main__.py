"""``python -m tasktune``, which ``accelerate launch -m tasktune`` needs."""

from tasktune.cli import main

main()
