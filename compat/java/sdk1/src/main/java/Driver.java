import com.amazonaws.AmazonServiceException;
import com.amazonaws.auth.AWSStaticCredentialsProvider;
import com.amazonaws.auth.BasicAWSCredentials;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.internal.SdkInternalList;
import com.amazonaws.services.kinesis.AmazonKinesis;
import com.amazonaws.services.kinesis.AmazonKinesisClientBuilder;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;

/**
 * The AWS SDK for Java v1, which speaks CBOR, called as it is told: one call a line on stdin, one answer a line on
 * stdout, many at a time. compat/driven/sdk.mjs says what the lines are. Its requests and answers are beans.
 */
public final class Driver {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final ObjectMapper BEANS = new ObjectMapper()
      .setPropertyNamingStrategy(PropertyNamingStrategies.UPPER_CAMEL_CASE)
      .setSerializationInclusion(JsonInclude.Include.NON_NULL)
      .registerModule(new SimpleModule()
          .addSerializer(ByteBuffer.class, new Write<>((bytes, to) -> to.writeBinaryField("$bytes", bytes.array())))
          .addSerializer(Date.class, new Write<>((date, to) -> to.writeNumberField("$date", date.getTime())))
          .addDeserializer(ByteBuffer.class, new Read<>((json) -> ByteBuffer.wrap(json.get("$bytes").binaryValue())))
          .addDeserializer(Date.class, new Read<>((json) -> new Date(json.get("$date").asLong()))));

  static {
    BEANS.configOverride(List.class)
        .setInclude(JsonInclude.Value.construct(JsonInclude.Include.CUSTOM, null, Absent.class, null));
  }

  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  public static void main(String[] args) throws Exception {
    Map<JsonNode, AmazonKinesis> clients = new ConcurrentHashMap<>();
    var threads = Executors.newCachedThreadPool();
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JsonNode call = JSON.readTree(line);
      threads.execute(() -> {
        ObjectNode answer = JSON.createObjectNode().put("id", call.get("id").asInt());
        try {
          AmazonKinesis client = clients.computeIfAbsent(call.get("client"), Driver::clientOf);
          answer.set("answer", invoke(client, call.get("operation").asText(), call.get("input")));
        } catch (Throwable error) {
          refuse(answer.putObject("error"), error);
        }
        print(answer);
      });
    }
    System.exit(0);
  }

  /** This SDK knows no variable for the endpoint; the rest that options do not say it finds by itself. */
  private static AmazonKinesis clientOf(JsonNode options) {
    String endpoint = options.path("endpoint").asText(System.getenv("AWS_ENDPOINT_URL"));
    String region = options.path("region").asText(System.getenv("AWS_REGION"));
    var builder = AmazonKinesisClientBuilder.standard()
        .withEndpointConfiguration(new EndpointConfiguration(endpoint, region));
    if (options.has("credentials")) {
      JsonNode given = options.get("credentials");
      builder.withCredentials(new AWSStaticCredentialsProvider(
          new BasicAWSCredentials(given.get("accessKeyId").asText(), given.get("secretAccessKey").asText())));
    }
    return builder.build();
  }

  private static JsonNode invoke(AmazonKinesis client, String operation, JsonNode input) throws Exception {
    String name = Character.toLowerCase(operation.charAt(0)) + operation.substring(1);
    Method method = Arrays.stream(AmazonKinesis.class.getMethods())
        .filter((each) -> each.getName().equals(name) && each.getParameterCount() == 1
            && each.getParameterTypes()[0].getSimpleName().equals(operation + "Request"))
        .findFirst().orElseThrow(() -> new IllegalArgumentException("no operation " + operation));
    Object answer = method.invoke(client, BEANS.convertValue(input, method.getParameterTypes()[0]));
    return JSON.readTree(BEANS.writeValueAsString(answer));
  }

  private static void refuse(ObjectNode line, Throwable error) {
    Throwable cause = error instanceof InvocationTargetException ? error.getCause() : error;
    boolean service = cause instanceof AmazonServiceException;
    line.put("name", service ? ((AmazonServiceException) cause).getErrorCode() : cause.getClass().getName())
        .put("message", service ? ((AmazonServiceException) cause).getErrorMessage() : cause.toString());
  }

  private static synchronized void print(JsonNode line) {
    OUT.println(line);
  }

  /** Equal to the lists that the SDK puts where the answer had none. */
  private static final class Absent {
    @Override public boolean equals(Object list) {
      return list == null || list instanceof SdkInternalList<?> own && own.isAutoConstruct();
    }

    @Override public int hashCode() {
      return 0;
    }
  }

  private interface Member<T> {
    void write(T value, JsonGenerator to) throws IOException;
  }

  private interface Value<T> {
    T read(JsonNode json) throws IOException;
  }

  /** A value as an object of one member, whose name says what it is. */
  private static final class Write<T> extends JsonSerializer<T> {
    private final Member<T> member;

    Write(Member<T> member) {
      this.member = member;
    }

    @Override public void serialize(T value, JsonGenerator to, SerializerProvider provider) throws IOException {
      to.writeStartObject();
      member.write(value, to);
      to.writeEndObject();
    }
  }

  private static final class Read<T> extends JsonDeserializer<T> {
    private final Value<T> value;

    Read(Value<T> value) {
      this.value = value;
    }

    @Override public T deserialize(JsonParser parser, DeserializationContext context) throws IOException {
      return value.read(parser.readValueAsTree());
    }
  }
}
