"""What becomes of a run once it is recorded: reports, seals, ledgers, sites, and evidence that travels."""
