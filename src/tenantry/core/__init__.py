"""Types and functions that everything else uses; nothing here imports another package of ours."""
