"""OpenStack: identity, limits, inventory, finders, and the emptying of projects. Every error of the SDK ends here as a `CloudError`."""
