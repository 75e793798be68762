"""Pictures and reports of a campaign: ``results`` reads it, ``topics`` draw and tell, ``pages`` put them together."""
