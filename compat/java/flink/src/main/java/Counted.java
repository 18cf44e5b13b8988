import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * Prints each record where it came in, in the order of its shard, and how many of its key there were. A job that fails
 * goes on from a checkpoint, and prints again what came since; the count is what Flink keeps exact.
 */
final class Counted extends KeyedProcessFunction<String, Arrival, Void> {
  private transient ValueState<Long> count;

  static void print(DataStream<Arrival> arrivals) {
    arrivals
        .map((arrival) -> {
          Lines.record(arrival.shard, arrival.key, arrival.sequence, 0, arrival.data);
          return new Arrival(arrival.shard, arrival.key, arrival.sequence, null);
        })
        .returns(Arrival.class)
        .keyBy((arrival) -> arrival.key)
        .process(new Counted());
  }

  @Override public void open(Configuration parameters) {
    count = getRuntimeContext().getState(new ValueStateDescriptor<>("count", Long.class));
  }

  @Override public void processElement(Arrival arrival, Context context, Collector<Void> out) throws Exception {
    long records = count.value() == null ? 1 : count.value() + 1;
    count.update(records);
    Lines.counted(arrival.key, records);
  }
}
