/**
 * A Kinesis record as the log keeps it:
 *
 *      stored record = key-length (u16, little-endian) · partition key (UTF-8) · data
 *
 * Sequence number and arrival time are not in it: both follow from the shard, the position and the arrival that the
 * log itself keeps.
 */
export const storedHeaderBytes = 2;
/** A partition key has at most 256 characters; UTF-8 takes at most 4 bytes for each. */
export const keyBytesMax = 1024;
