"""One typed configuration: `schema` says what can be set, `load` reads it and names every fault."""
