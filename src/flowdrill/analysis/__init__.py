"""Pure: from a recorded run to instants, measures, objectives and a verdict. No I/O, no clock."""
