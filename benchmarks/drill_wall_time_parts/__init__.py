"""The parts of `drill_wall_time.py`: what a drill is carried out on, and what its wall time consists of."""
