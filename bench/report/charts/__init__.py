"""The parts of charts."""
