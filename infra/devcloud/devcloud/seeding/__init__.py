"""How a fresh cloud is made: schemas, identities, resources."""
