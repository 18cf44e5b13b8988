import software.amazon.kinesis.leases.LeaseManagementConfig;

/** What KCL 3 waits for between two looks at its leases: a leader assigns them by what the workers report. */
final class Tuning {
  static LeaseManagementConfig of(LeaseManagementConfig config, long patienceMs, long failoverMs) {
    config.workerUtilizationAwareAssignmentConfig()
        .disableWorkerMetrics(true)
        .varianceBalancingFrequency(1)
        .inMemoryWorkerMetricsCaptureFrequencyMillis(patienceMs)
        .workerMetricsReporterFreqInMillis(patienceMs);
    return config
        .failoverTimeMillis(failoverMs)
        .leaseAssignmentIntervalMillis(patienceMs)
        .dynamoDbLockBasedLeaderLeaseDurationInMillis(failoverMs)
        .dynamoDbLockBasedLeaderHeartbeatPeriodInMillis(patienceMs)
        .shardSyncIntervalMillis(patienceMs)
        .leasesRecoveryAuditorExecutionFrequencyMillis(patienceMs);
  }
}
