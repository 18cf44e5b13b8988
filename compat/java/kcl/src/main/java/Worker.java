import java.net.URI;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.retrieval.RetrievalConfig;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * One worker of a KCL application, 2.x or 3.x: `Worker polling|fan-out APPLICATION STREAM`. It prints what happens to it
 * (see Processor), and ends in good order when its stdin does. Leases are kept in the DynamoDB at COMPAT_DYNAMODB.
 */
public final class Worker {
  /** Everything is tried often: a scenario is short, and what is waited for has a second, not a minute. */
  private static final long PATIENCE_MS = 1_000;
  private static final long FAILOVER_MS = 3_000;
  private static final long STOP_SECONDS = 5;

  public static void main(String[] args) throws Exception {
    String mode = args[0];
    String application = args[1];
    String stream = args[2];
    KinesisAsyncClient kinesis = KinesisClientUtil.createKinesisAsyncClient(KinesisAsyncClient.builder()
        .endpointOverride(URI.create(System.getenv("AWS_ENDPOINT_URL")))
        .overrideConfiguration((override) -> override.addExecutionInterceptor(new Called())));
    DynamoDbAsyncClient dynamo =
        DynamoDbAsyncClient.builder().endpointOverride(URI.create(System.getenv("COMPAT_DYNAMODB"))).build();
    CloudWatchAsyncClient cloudWatch = CloudWatchAsyncClient.create();

    var configs = new ConfigsBuilder(
        stream, application, kinesis, dynamo, cloudWatch, UUID.randomUUID().toString(), Processor::new);
    RetrievalConfig retrieval = configs.retrievalConfig()
        .retrievalSpecificConfig(retrieval(mode, kinesis, application, stream))
        .initialPositionInStreamExtended(
            InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON))
        .listShardsBackoffTimeInMillis(PATIENCE_MS);
    var scheduler = new Scheduler(
        configs.checkpointConfig(),
        configs.coordinatorConfig()
            .parentShardPollIntervalMillis(PATIENCE_MS)
            .shardConsumerDispatchPollIntervalMillis(PATIENCE_MS / 10)
            .schedulerInitializationBackoffTimeMillis(PATIENCE_MS),
        Tuning.of(configs.leaseManagementConfig(), PATIENCE_MS, FAILOVER_MS),
        configs.lifecycleConfig().taskBackoffTimeMillis(PATIENCE_MS),
        configs.metricsConfig().metricsFactory(new NullMetricsFactory()),
        configs.processorConfig(),
        retrieval);
    var running = new Thread(scheduler, "scheduler");
    running.start();
    while (System.in.read() >= 0) {}
    try {
      scheduler.startGracefulShutdown().get(STOP_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException error) {
      // KCL 2 sometimes does not say that it is done when it is.
      scheduler.shutdown();
    }
    System.exit(0);
  }

  private static RetrievalSpecificConfig retrieval(
      String mode, KinesisAsyncClient kinesis, String application, String stream) {
    if (mode.equals("fan-out")) return new FanOutConfig(kinesis).streamName(stream).applicationName(application);
    PollingConfig polling = new PollingConfig(stream, kinesis);
    polling.idleTimeBetweenReadsInMillis(PATIENCE_MS / 5);
    return polling;
  }

  /** Says once of every operation that it was answered well. */
  private static final class Called implements ExecutionInterceptor {
    @Override public void afterExecution(Context.AfterExecution context, ExecutionAttributes attributes) {
      Lines.called(context.request().getClass().getSimpleName().replaceFirst("Request$", ""));
    }
  }
}
