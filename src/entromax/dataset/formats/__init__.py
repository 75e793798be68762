"""Formats of other fitting programs: one file each, with its ``FORMAT`` (see ``base.ExportFormat``)."""
