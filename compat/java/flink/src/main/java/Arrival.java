/** A record as a job has it, in the form in which Flink passes data on. */
public final class Arrival {
  public String shard;
  public String key;
  public String sequence;
  public byte[] data;

  public Arrival() {}

  Arrival(String shard, String key, String sequence, byte[] data) {
    this.shard = shard;
    this.key = key;
    this.sequence = sequence;
    this.data = data;
  }
}
