import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import org.reactivestreams.Subscriber;
import org.reactivestreams.Subscription;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.SdkPojo;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.KinesisRequest;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEventStream;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardRequest;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/**
 * The AWS SDK for Java v2, its blocking client or its asynchronous one (which speaks HTTP/2), called as it is told: one
 * call a line on stdin, one answer a line on stdout, many at a time. compat/driven/sdk.mjs says what the lines are.
 */
public final class Driver {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
  private static final Map<Integer, Subscription> SUBSCRIPTIONS = new ConcurrentHashMap<>();

  public static void main(String[] args) throws Exception {
    boolean async = args[0].equals("async");
    Map<JsonNode, Object> clients = new ConcurrentHashMap<>();
    var threads = Executors.newCachedThreadPool();
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JsonNode call = JSON.readTree(line);
      int id = call.get("id").asInt();
      if (call.has("cancel")) {
        Subscription subscription = SUBSCRIPTIONS.remove(id);
        if (subscription != null) subscription.cancel();
        continue;
      }
      threads.execute(() -> {
        Object client = clients.computeIfAbsent(call.get("client"), (options) -> clientOf(async, options));
        try {
          answer(id, "answer", invoke(client, id, call));
        } catch (Throwable error) {
          refuse(id, error);
        }
      });
    }
    System.exit(0);
  }

  /** What options do not say, the SDK finds in the environment, as in anybody's program. */
  private static Object clientOf(boolean async, JsonNode options) {
    AwsClientBuilder<?, ?> builder = async ? KinesisAsyncClient.builder() : KinesisClient.builder();
    if (options.has("endpoint")) builder.endpointOverride(URI.create(options.get("endpoint").asText()));
    if (options.has("region")) builder.region(Region.of(options.get("region").asText()));
    if (options.has("credentials")) {
      JsonNode given = options.get("credentials");
      builder.credentialsProvider(StaticCredentialsProvider.create(
          AwsBasicCredentials.create(given.get("accessKeyId").asText(), given.get("secretAccessKey").asText())));
    }
    return builder.build();
  }

  /** The client's method of that name, with a request made of `input`. */
  private static SdkPojo invoke(Object client, int id, JsonNode call) throws Exception {
    String operation = call.get("operation").asText();
    String name = Character.toLowerCase(operation.charAt(0)) + operation.substring(1);
    Class<?> face = client instanceof KinesisClient ? KinesisClient.class : KinesisAsyncClient.class;
    Method method = Arrays.stream(face.getMethods())
        .filter((each) -> each.getName().equals(name) && each.getParameterCount() > 0
            && KinesisRequest.class.isAssignableFrom(each.getParameterTypes()[0]))
        .findFirst().orElseThrow(() -> new IllegalArgumentException("no operation " + operation));
    Object builder = method.getParameterTypes()[0].getMethod("builder").invoke(null);
    Object request = Pojo.fill((SdkPojo) builder, call.get("input"));
    if (request instanceof SubscribeToShardRequest subscribe) return subscribe((KinesisAsyncClient) client, id, subscribe);
    Object answer = method.invoke(client, request);
    return (SdkPojo) (answer instanceof CompletableFuture<?> future ? future.join() : answer);
  }

  /** Every event on its own line as it comes; the answer is the end. */
  private static SdkPojo subscribe(KinesisAsyncClient client, int id, SubscribeToShardRequest request) {
    client.subscribeToShard(request, SubscribeToShardResponseHandler.builder()
        .onEventStream((events) -> events.subscribe(new Subscriber<SubscribeToShardEventStream>() {
          @Override public void onSubscribe(Subscription subscription) {
            SUBSCRIPTIONS.put(id, subscription);
            subscription.request(Long.MAX_VALUE);
          }

          @Override public void onNext(SubscribeToShardEventStream event) {
            answer(id, "event", (SubscribeToShardEvent) event);
          }

          // The call's own future ends with the same.
          @Override public void onError(Throwable error) {}

          @Override public void onComplete() {}
        })).build()).join();
    return null;
  }

  private static void answer(int id, String kind, SdkPojo pojo) {
    ObjectNode line = JSON.createObjectNode().put("id", id);
    line.set(kind, pojo == null ? JSON.createObjectNode() : Pojo.read(pojo));
    print(line);
  }

  private static void refuse(int id, Throwable error) {
    Throwable cause = error;
    while (cause instanceof InvocationTargetException || cause instanceof CompletionException) cause = cause.getCause();
    boolean service = cause instanceof AwsServiceException;
    ObjectNode line = JSON.createObjectNode().put("id", id);
    line.putObject("error")
        .put("name", service ? ((AwsServiceException) cause).awsErrorDetails().errorCode() : cause.getClass().getName())
        .put("message", service ? ((AwsServiceException) cause).awsErrorDetails().errorMessage() : cause.toString());
    print(line);
  }

  private static synchronized void print(JsonNode line) {
    OUT.println(line);
  }
}
