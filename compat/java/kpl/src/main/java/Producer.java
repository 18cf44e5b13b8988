import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import software.amazon.kinesis.producer.Attempt;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordFailedException;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * The Kinesis Producer Library: {@code Producer <stream> <records> <keys> <bytes> <records a second, or 0> [quiet]}.
 *
 * <p>Puts numbered records, {@code {"key":…,"i":…,"pad":…}}, and prints a line for each as it is answered; `quiet` prints
 * no `put`:
 *
 * <pre>
 *      put i shard sequenceNumber attempts errors       errors: of the attempts before, with commas; - for none
 *      lost i errors
 *      done milliseconds bytes processorMilliseconds    of this process and of the native one
 * </pre>
 */
public final class Producer {
  private static final int OUTSTANDING_MAX = 20_000;

  public static void main(String[] args) throws Exception {
    String stream = args[0];
    int count = Integer.parseInt(args[1]);
    int keys = Integer.parseInt(args[2]);
    String pad = "x".repeat(Integer.parseInt(args[3]));
    int rate = Integer.parseInt(args[4]);
    boolean quiet = args.length > 5;
    long bytes = 0;
    KinesisProducer producer = new KinesisProducer(settings());
    Semaphore outstanding = new Semaphore(OUTSTANDING_MAX);
    CountDownLatch answered = new CountDownLatch(count);
    long started = System.nanoTime();
    for (int i = 0; i < count; i++) {
      if (rate > 0 && i % 10 == 0) pace(started, i, rate);
      outstanding.acquire();
      int number = i;
      String key = "key-" + i % keys;
      byte[] data = ("{\"key\":\"" + key + "\",\"i\":" + i + ",\"pad\":\"" + pad + "\"}").getBytes(StandardCharsets.UTF_8);
      bytes += data.length;
      var put = producer.addUserRecord(stream, key, ByteBuffer.wrap(data));
      put.addListener(() -> {
        String outcome = outcome(number, put);
        if (!quiet || !outcome.startsWith("put")) say(outcome);
        outstanding.release();
        answered.countDown();
      }, Runnable::run);
    }
    producer.flush();
    answered.await();
    say("done " + (System.nanoTime() - started) / 1_000_000 + " " + bytes + " " + processorMs());
    producer.destroy();
    System.exit(0);
  }

  /** Nothing but where Millrace is: the library knows no variable for an endpoint, and speaks TLS alone. */
  private static KinesisProducerConfiguration settings() {
    URI endpoint = URI.create(System.getenv("COMPAT_TLS_ENDPOINT"));
    return new KinesisProducerConfiguration()
        .setKinesisEndpoint(endpoint.getHost())
        .setKinesisPort(endpoint.getPort())
        .setStsEndpoint(endpoint.getHost())
        .setStsPort(endpoint.getPort())
        .setCaCertFile(System.getenv("AWS_CA_BUNDLE"))
        .setRegion(System.getenv("AWS_REGION"))
        .setMetricsLevel("none")
        .setRateLimit(1_000_000)
        .setRecordTtl(120_000)
        .setTempDirectory(System.getenv("KPL_FOLDER"));
  }

  private static String outcome(int number, java.util.concurrent.Future<UserRecordResult> put) {
    try {
      UserRecordResult result = put.get();
      int attempts = result.getAttempts().size();
      String errors = errors(result, attempts - 1);
      return String.join(" ", "put", "" + number, result.getShardId(), result.getSequenceNumber(), "" + attempts, errors);
    } catch (java.util.concurrent.ExecutionException failure) {
      if (failure.getCause() instanceof UserRecordFailedException failed) {
        return "lost " + number + " " + errors(failed.getResult(), Integer.MAX_VALUE);
      }
      return "lost " + number + " " + failure;
    } catch (InterruptedException interrupted) {
      return "lost " + number + " interrupted";
    }
  }

  private static String errors(UserRecordResult result, int first) {
    String errors = result.getAttempts().stream().limit(first).map(Attempt::getErrorCode).collect(Collectors.joining(","));
    return errors.isEmpty() ? "-" : errors.replace(' ', '-');
  }

  private static void pace(long started, int number, int rate) throws InterruptedException {
    long dueNanos = started + number * 1_000_000_000L / rate - System.nanoTime();
    if (dueNanos > 0) Thread.sleep(dueNanos / 1_000_000);
  }

  private static long processorMs() {
    ProcessHandle own = ProcessHandle.current();
    return Stream.concat(Stream.of(own), own.descendants())
        .mapToLong((each) -> each.info().totalCpuDuration().orElse(Duration.ZERO).toMillis())
        .sum();
  }

  private static synchronized void say(String line) {
    System.out.println(line);
  }
}
