"""flowdrill drills the emergency brake of a LangFlow service: the image rollback."""
