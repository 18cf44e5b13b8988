import software.amazon.kinesis.leases.LeaseManagementConfig;

/** What KCL 2 waits for between two looks at its leases: every worker takes its share. */
final class Tuning {
  static LeaseManagementConfig of(LeaseManagementConfig config, long patienceMs, long failoverMs) {
    return config
        .failoverTimeMillis(failoverMs)
        .shardSyncIntervalMillis(patienceMs)
        .leasesRecoveryAuditorExecutionFrequencyMillis(patienceMs);
  }
}
