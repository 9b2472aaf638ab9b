"""Where files are kept: in a folder of this machine, or in a bucket of S3 or MinIO."""
