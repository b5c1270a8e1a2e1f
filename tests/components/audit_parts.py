"""What the audit trail of the agent `handbook` is made of, on every host."""

AUDIT_PARTS = {
    ("LogGroup", "handbook-audit"),
    ("Bucket", "handbook-audit"),
    ("BucketVersioning", "handbook-audit-versions"),
    ("BucketObjectLockConfiguration", "handbook-audit-lock"),
    ("BucketPublicAccessBlock", "handbook-audit-private"),
    ("BucketOwnershipControls", "handbook-audit-owner"),
    ("BucketServerSideEncryptionConfiguration", "handbook-audit-encryption"),
    ("BucketLifecycleConfiguration", "handbook-audit-expiry"),
    ("BucketPolicy", "handbook-audit-policy"),
    ("Policy", "handbook-audit-reviewer"),
    ("AgentIdentity", "handbook-audit-export"),
    ("Function", "handbook-audit-export"),
    ("LogGroup", "handbook-audit-export-log"),
    ("FunctionEventInvokeConfig", "handbook-audit-export-async"),
    ("EventRule", "handbook-audit-export"),
    ("EventTarget", "handbook-audit-export-target"),
    ("Permission", "handbook-audit-export-permission"),
    ("MetricAlarm", "handbook-audit-export-failures"),
}
