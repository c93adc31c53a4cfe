"""Who trains: this process, alone or as the chief of others."""
