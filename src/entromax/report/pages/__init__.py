"""The pages: of an element, of a campaign, of two campaigns side by side."""
