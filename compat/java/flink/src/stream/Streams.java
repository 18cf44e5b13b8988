import java.nio.ByteBuffer;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.kinesis.sink.KinesisStreamsSink;
import org.apache.flink.connector.kinesis.source.KinesisStreamsSource;
import org.apache.flink.connector.kinesis.source.serialization.KinesisDeserializationSchema;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.kinesis.shaded.software.amazon.awssdk.services.kinesis.model.Record;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.connectors.kinesis.FlinkKinesisConsumer;
import org.apache.flink.util.Collector;

/** The connector's classes: its old source, `polling` or by `fan-out`, its new one (`source`), and its sink. */
public final class Streams implements Job.Face {
  @Override public JobClient start(StreamExecutionEnvironment cluster, String source, String stream, boolean pipe)
      throws Exception {
    DataStream<Arrival> arrivals = source.equals("source")
        ? cluster.fromSource(
            newSource(stream), WatermarkStrategy.noWatermarks(), "source", TypeInformation.of(Arrival.class))
        : cluster.addSource(new FlinkKinesisConsumer<>(stream, new FromConsumer(), consumer(source)));
    if (pipe) arrivals.sinkTo(sink(stream + "-out"));
    else Counted.print(arrivals);
    return cluster.executeAsync();
  }

  private static Properties place() {
    var place = new Properties();
    place.setProperty("aws.region", System.getenv("AWS_REGION"));
    place.setProperty("aws.endpoint", System.getenv("AWS_ENDPOINT_URL"));
    return place;
  }

  private static Properties consumer(String source) {
    Properties options = place();
    options.setProperty("flink.stream.initpos", "TRIM_HORIZON");
    options.setProperty("flink.shard.discovery.intervalmillis", "1000");
    if (source.equals("fan-out")) {
      options.setProperty("flink.stream.recordpublisher", "EFO");
      options.setProperty("flink.stream.efo.consumername", "flink");
    }
    return options;
  }

  private static KinesisStreamsSource<Arrival> newSource(String stream) {
    var options = new Configuration();
    place().forEach((name, value) -> options.setString((String) name, (String) value));
    options.setString("flink.stream.initpos", "TRIM_HORIZON");
    options.setString("flink.shard.discovery.intervalmillis", "1000");
    return KinesisStreamsSource.<Arrival>builder()
        .setStreamArn("arn:aws:kinesis:%s:123456789012:stream/%s".formatted(System.getenv("AWS_REGION"), stream))
        .setSourceConfig(options)
        .setDeserializationSchema(new FromSource())
        .build();
  }

  /** One request at a time, and smaller ones than its own 500 records. */
  private static KinesisStreamsSink<Arrival> sink(String stream) {
    return KinesisStreamsSink.<Arrival>builder()
        .setStreamName(stream)
        .setKinesisClientProperties(place())
        .setSerializationSchema((SerializationSchema<Arrival>) (arrival) -> arrival.data)
        .setPartitionKeyGenerator((arrival) -> arrival.key)
        .setMaxInFlightRequests(1)
        .setMaxBatchSize(100)
        .setMaxTimeInBufferMS(200)
        .build();
  }

  private static final class FromConsumer
      implements org.apache.flink.streaming.connectors.kinesis.serialization.KinesisDeserializationSchema<Arrival> {
    @Override public Arrival deserialize(
        byte[] data, String key, String sequence, long arrivalMs, String stream, String shard) {
      return new Arrival(shard, key, sequence, data);
    }

    @Override public TypeInformation<Arrival> getProducedType() {
      return TypeInformation.of(Arrival.class);
    }
  }

  private static final class FromSource implements KinesisDeserializationSchema<Arrival> {
    @Override public void deserialize(Record record, String stream, String shard, Collector<Arrival> out) {
      ByteBuffer data = record.data().asByteBuffer();
      byte[] bytes = new byte[data.remaining()];
      data.get(bytes);
      out.collect(new Arrival(shard, record.partitionKey(), record.sequenceNumber(), bytes));
    }

    @Override public TypeInformation<Arrival> getProducedType() {
      return TypeInformation.of(Arrival.class);
    }
  }
}
