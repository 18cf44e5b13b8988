import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/** The connector as a table: `polling` and `fan-out` with its options up to 4.x, `new-…` with those since 5.0. */
final class Tables implements Job.Face {
  @Override public JobClient start(StreamExecutionEnvironment cluster, String source, String stream, boolean pipe)
      throws Exception {
    var tables = StreamTableEnvironment.create(cluster);
    tables.executeSql("""
        CREATE TABLE arrivals (
          data BYTES,
          shard VARCHAR(128) NOT NULL METADATA FROM 'shard-id' VIRTUAL,
          sequence VARCHAR(128) NOT NULL METADATA FROM 'sequence-number' VIRTUAL
        ) WITH ('format' = 'raw', %s)""".formatted(options(source, stream)));
    if (!pipe) {
      Counted.print(tables.toDataStream(tables.from("arrivals"))
          .map((row) -> {
            byte[] data = row.getFieldAs("data");
            return new Arrival(row.getFieldAs("shard"), keyOf(data), row.getFieldAs("sequence"), data);
          })
          .returns(Arrival.class));
      return cluster.executeAsync();
    }
    // One request at a time, and smaller ones than its own 500 records.
    tables.executeSql("""
        CREATE TABLE copies (k STRING, body STRING) PARTITIONED BY (k)
        WITH ('format' = 'json', 'sink.requests.max-inflight' = '1', 'sink.batch.max-size' = '100',
          'sink.flush-buffer.timeout' = '200', %s)""".formatted(sinkOptions(source, stream + "-out")));
    return tables.executeSql("""
        INSERT INTO copies
        SELECT SPLIT_INDEX(CAST(data AS STRING), ' ', 1), CAST(data AS STRING) FROM arrivals""")
        .getJobClient().orElseThrow();
  }

  private static String options(String source, String stream) {
    return switch (source) {
      case "polling" -> with(stream, Map.of("scan.stream.initpos", "TRIM_HORIZON",
          "scan.shard.discovery.intervalmillis", "1000"));
      case "fan-out" -> with(stream, Map.of("scan.stream.initpos", "TRIM_HORIZON",
          "scan.shard.discovery.intervalmillis", "1000",
          "scan.stream.recordpublisher", "EFO", "scan.stream.efo.consumername", "flink"));
      case "new-polling" -> newOptions(stream, Map.of("source.init.position", "TRIM_HORIZON",
          "source.shard.discovery.interval", "1 s"));
      case "new-fan-out" -> newOptions(stream, Map.of("source.init.position", "TRIM_HORIZON",
          "source.shard.discovery.interval", "1 s",
          "source.reader.type", "EFO", "source.efo.consumer.name", "flink"));
      default -> throw new IllegalArgumentException(source);
    };
  }

  private static String sinkOptions(String source, String stream) {
    return source.startsWith("new-") ? newOptions(stream, Map.of()) : with(stream, Map.of());
  }

  private static String with(String stream, Map<String, String> more) {
    return text(Map.of("connector", "kinesis", "stream", stream)) + ", " + place() + text(", ", more);
  }

  private static String newOptions(String stream, Map<String, String> more) {
    String arn = "arn:aws:kinesis:%s:123456789012:stream/%s".formatted(System.getenv("AWS_REGION"), stream);
    return text(Map.of("connector", "kinesis", "stream.arn", arn)) + ", " + place() + text(", ", more);
  }

  private static String place() {
    return text(Map.of("aws.region", System.getenv("AWS_REGION"), "aws.endpoint", System.getenv("AWS_ENDPOINT_URL")));
  }

  private static String text(String before, Map<String, String> options) {
    return options.isEmpty() ? "" : before + text(options);
  }

  private static String text(Map<String, String> options) {
    return options.entrySet().stream()
        .map((each) -> "'%s' = '%s'".formatted(each.getKey(), each.getValue()))
        .collect(Collectors.joining(", "));
  }

  /** A table is not told the partition key; the data says it after the number of its round. */
  private static String keyOf(byte[] data) {
    String head = new String(data, 0, Math.min(data.length, 64), StandardCharsets.UTF_8);
    return head.split(" ")[1];
  }
}
