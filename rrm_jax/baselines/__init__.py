"""Judges that are not our models, behind the same door."""
