"""From the report's page to a PDF, by WeasyPrint."""
