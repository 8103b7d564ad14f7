"""The path of a request that waits for its answer: pictures in, batches to the workers, results out."""
