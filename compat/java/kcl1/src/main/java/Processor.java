import com.amazonaws.services.kinesis.clientlibrary.interfaces.IRecordProcessorCheckpointer;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.v2.IRecordProcessor;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.v2.IShutdownNotificationAware;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.ShutdownReason;
import com.amazonaws.services.kinesis.clientlibrary.types.InitializationInput;
import com.amazonaws.services.kinesis.clientlibrary.types.ProcessRecordsInput;
import com.amazonaws.services.kinesis.clientlibrary.types.ShutdownInput;
import com.amazonaws.services.kinesis.clientlibrary.types.UserRecord;
import com.amazonaws.services.kinesis.model.Record;

/** Prints each record, then checkpoints, so that what was checkpointed has been printed. */
final class Processor implements IRecordProcessor, IShutdownNotificationAware {
  private String shard;

  @Override public void initialize(InitializationInput input) {
    shard = input.getShardId();
    Lines.event("started", shard);
  }

  @Override public void processRecords(ProcessRecordsInput input) {
    for (Record record : input.getRecords()) {
      byte[] data = new byte[record.getData().remaining()];
      record.getData().get(data);
      long sub = record instanceof UserRecord user ? user.getSubSequenceNumber() : 0;
      Lines.record(shard, record.getPartitionKey(), record.getSequenceNumber(), sub, data);
    }
    if (!input.getRecords().isEmpty()) checkpoint(input.getCheckpointer(), "checkpointed");
  }

  @Override public void shutdown(ShutdownInput input) {
    if (input.getShutdownReason() == ShutdownReason.TERMINATE) checkpoint(input.getCheckpointer(), "ended");
    else Lines.event("lost", shard);
  }

  @Override public void shutdownRequested(IRecordProcessorCheckpointer checkpointer) {
    checkpoint(checkpointer, "stopped");
  }

  private void checkpoint(IRecordProcessorCheckpointer checkpointer, String event) {
    try {
      checkpointer.checkpoint();
      Lines.event(event, shard);
    } catch (Exception error) {
      // The lease is another worker's by now, or the table could not be reached: the records come again.
      Lines.event("not checkpointed", shard);
    }
  }
}
