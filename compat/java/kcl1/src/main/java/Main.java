import com.amazonaws.Request;
import com.amazonaws.Response;
import com.amazonaws.auth.DefaultAWSCredentialsProviderChain;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.handlers.RequestHandler2;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBClientBuilder;
import com.amazonaws.services.kinesis.AmazonKinesisClientBuilder;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.InitialPositionInStream;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.KinesisClientLibConfiguration;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.Worker;
import com.amazonaws.services.kinesis.metrics.impl.NullMetricsFactory;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * One worker of a KCL 1 application: `Main polling APPLICATION STREAM`. It prints what happens to it (see Processor), and
 * ends in good order when its stdin does. Leases are kept in the DynamoDB at COMPAT_DYNAMODB.
 */
public final class Main {
  /** Everything is tried often: a scenario is short, and what is waited for has a second, not a minute. */
  private static final long PATIENCE_MS = 1_000;
  private static final long FAILOVER_MS = 3_000;
  private static final long STOP_SECONDS = 5;

  public static void main(String[] args) throws Exception {
    String region = System.getenv("AWS_REGION");
    var config = new KinesisClientLibConfiguration(
            args[1], args[2], new DefaultAWSCredentialsProviderChain(), UUID.randomUUID().toString())
        .withRegionName(region)
        .withInitialPositionInStream(InitialPositionInStream.TRIM_HORIZON)
        .withFailoverTimeMillis(FAILOVER_MS)
        .withShardSyncIntervalMillis(PATIENCE_MS)
        .withParentShardPollIntervalMillis(PATIENCE_MS)
        .withTaskBackoffTimeMillis(PATIENCE_MS)
        .withIdleTimeBetweenReadsInMillis(PATIENCE_MS / 5);
    var kinesis = AmazonKinesisClientBuilder.standard()
        .withEndpointConfiguration(new EndpointConfiguration(System.getenv("AWS_ENDPOINT_URL"), region))
        .withRequestHandlers(new Called()).build();
    var dynamo = AmazonDynamoDBClientBuilder.standard()
        .withEndpointConfiguration(new EndpointConfiguration(System.getenv("COMPAT_DYNAMODB"), region)).build();
    Worker worker = new Worker.Builder().recordProcessorFactory(Processor::new).config(config)
        .kinesisClient(kinesis).dynamoDBClient(dynamo).metricsFactory(new NullMetricsFactory()).build();
    new Thread(worker, "worker").start();
    while (System.in.read() >= 0) {}
    try {
      worker.startGracefulShutdown().get(STOP_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException error) {
      worker.shutdown();
    }
    System.exit(0);
  }

  /** Says once of every operation that it was answered well. */
  private static final class Called extends RequestHandler2 {
    @Override public void afterResponse(Request<?> request, Response<?> response) {
      Lines.called(request.getOriginalRequest().getClass().getSimpleName().replaceFirst("Request$", ""));
    }
  }
}
