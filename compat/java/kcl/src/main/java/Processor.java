import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/** Prints each record, then checkpoints, so that what was checkpointed has been printed; or counts, and checkpoints at its end. */
final class Processor implements ShardRecordProcessor {
  private String shard;

  @Override public void initialize(InitializationInput input) {
    shard = input.shardId();
    Lines.event("started", shard);
  }

  @Override public void processRecords(ProcessRecordsInput input) {
    if (Lines.COUNTING) {
      long bytes = input.records().stream().mapToLong((record) -> record.data().remaining()).sum();
      Lines.batch(shard, input.records().size(), bytes);
      return;
    }
    for (KinesisClientRecord record : input.records()) {
      byte[] data = new byte[record.data().remaining()];
      record.data().get(data);
      Lines.record(shard, record.partitionKey(), record.sequenceNumber(), record.subSequenceNumber(), data);
    }
    if (!input.records().isEmpty()) checkpoint(input.checkpointer(), "checkpointed");
  }

  @Override public void leaseLost(LeaseLostInput input) {
    Lines.event("lost", shard);
  }

  @Override public void shardEnded(ShardEndedInput input) {
    checkpoint(input.checkpointer(), "ended");
  }

  @Override public void shutdownRequested(ShutdownRequestedInput input) {
    checkpoint(input.checkpointer(), "stopped");
  }

  private void checkpoint(RecordProcessorCheckpointer checkpointer, String event) {
    try {
      checkpointer.checkpoint();
      Lines.event(event, shard);
    } catch (Exception error) {
      // The lease is another worker's by now, or the table could not be reached: the records come again.
      Lines.event("not checkpointed", shard);
    }
  }
}
