import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What a worker prints, one JSON object a line:
 *
 *     {"event":"record","shard":"shardId-…","key":"…","sequence":"495…","sub":0,"bytes":2,"data":"base64"}
 *     {"event":"started|checkpointed|ended|lost|stopped|not checkpointed","shard":"shardId-…"}
 *     {"event":"counted","key":"…","records":3}
 *     {"event":"called","operation":"GetRecords"}
 *     {"event":"batch","shard":"shardId-…","records":500,"bytes":256000,"processorMs":3100}     instead of its records
 *
 * Of long data the beginning is printed. Keys are those of the scenarios and need no escapes.
 */
final class Lines {
  private static final int DATA_BYTES_MAX = 64;
  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
  private static final Set<String> CALLED = ConcurrentHashMap.newKeySet();

  static void record(String shard, String key, String sequence, long sub, byte[] data) {
    byte[] head = data.length > DATA_BYTES_MAX ? java.util.Arrays.copyOf(data, DATA_BYTES_MAX) : data;
    print("{\"event\":\"record\",\"shard\":\"%s\",\"key\":\"%s\",\"sequence\":\"%s\",\"sub\":%d,\"bytes\":%d,\"data\":\"%s\"}"
        .formatted(shard, key, sequence, sub, data.length, Base64.getEncoder().encodeToString(head)));
  }

  /** Whether records are counted and not printed, for those who look at nothing but how fast they come. */
  static final boolean COUNTING = System.getenv("COMPAT_COUNTING") != null;

  static void batch(String shard, int records, long bytes) {
    long processorMs = ProcessHandle.current().info().totalCpuDuration().orElse(java.time.Duration.ZERO).toMillis();
    print("{\"event\":\"batch\",\"shard\":\"%s\",\"records\":%d,\"bytes\":%d,\"processorMs\":%d}"
        .formatted(shard, records, bytes, processorMs));
  }

  static void event(String event, String shard) {
    print("{\"event\":\"%s\",\"shard\":\"%s\"}".formatted(event, shard));
  }

  static void counted(String key, long records) {
    print("{\"event\":\"counted\",\"key\":\"%s\",\"records\":%d}".formatted(key, records));
  }

  static void called(String operation) {
    if (CALLED.add(operation)) print("{\"event\":\"called\",\"operation\":\"%s\"}".formatted(operation));
  }

  private static synchronized void print(String line) {
    OUT.println(line);
  }
}
