"""S3-compatible storage, by boto3: an extra, imported when asked for."""
