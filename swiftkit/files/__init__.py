"""Files of records: reading, writing, hubs, YAML."""
