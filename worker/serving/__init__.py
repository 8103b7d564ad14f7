"""Networks at work: loaded once, warmed up, asked in batches."""
