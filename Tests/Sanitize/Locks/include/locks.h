// Nothing to call: the target replaces a function of a library by being linked.
