"""Types and functions that everything else uses; nothing here imports another Tenantry package."""
