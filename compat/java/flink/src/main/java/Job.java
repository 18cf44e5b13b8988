import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.flink.api.common.restartstrategy.RestartStrategies;
import org.apache.flink.api.common.time.Time;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * A Flink job on a cluster of its own in this process, with checkpoints: `Job FACE SOURCE print|pipe STREAM`. It reads
 * STREAM from its beginning, prints each record and counts those of each key (see Counted), or copies them into the
 * stream STREAM-out. FACE is `table` or `stream`, SOURCE one of those that it knows. It ends when its stdin does.
 */
public final class Job {
  /** Everything is tried often: a scenario is short. */
  private static final long CHECKPOINT_MS = 500;
  private static final long RESTART_MS = 500;
  private static final long STOP_SECONDS = 10;
  private static final int PARALLELISM = 2;

  interface Face {
    JobClient start(StreamExecutionEnvironment cluster, String source, String stream, boolean pipe) throws Exception;
  }

  public static void main(String[] args) throws Exception {
    var cluster = StreamExecutionEnvironment.createLocalEnvironment(PARALLELISM, new Configuration());
    cluster.enableCheckpointing(CHECKPOINT_MS);
    cluster.setRestartStrategy(RestartStrategies.fixedDelayRestart(Integer.MAX_VALUE, Time.milliseconds(RESTART_MS)));
    Face face = args[0].equals("table") ? new Tables() : (Face) Class.forName("Streams").getConstructor().newInstance();
    // What comes last is the stream; a worker of another kind has a name of its own before it.
    JobClient job = face.start(cluster, args[1], args[args.length - 1], args[2].equals("pipe"));
    job.getJobExecutionResult().whenComplete((result, error) -> {
      if (error != null) error.printStackTrace();
      System.exit(1);
    });
    while (System.in.read() >= 0) {}
    try {
      job.cancel().get(STOP_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException error) {
      // What it had to say it has printed.
    }
    System.exit(0);
  }
}
