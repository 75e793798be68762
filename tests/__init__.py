"""A package, so that ``tests.support`` is ours: the wheel of MACE installs a package ``tests`` as well."""
