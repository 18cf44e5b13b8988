"""A processor of amazon_kclpy: prints each record, then checkpoints, so that what was checkpointed has been printed.

The lines are those of java/worker/Lines.java, and go where COMPAT_LINES says: stdout is the daemon's. Checkpoints are at
least half a second apart, but for the last: each changes the lease, and who wants to take one over must meet it unchanged.
"""
import base64
import json
import os
import time

from amazon_kclpy import kcl
from amazon_kclpy.v3 import processor

DATA_BYTES_MAX = 64
CHECKPOINT_SECONDS = 0.5
# For reading too: a pipe whose reader is gone, because the daemon was killed, must not hold us up.
LINES = os.open(os.environ['COMPAT_LINES'], os.O_RDWR)


def say(event, **rest):
    """One write for a line: processors of many shards share the pipe."""
    os.write(LINES, (json.dumps({'event': event, **rest}) + '\n').encode())


class Processor(processor.RecordProcessorBase):
    def initialize(self, initialize_input):
        self.shard = initialize_input.shard_id
        self.checkpointed = 0
        say('started', shard=self.shard)

    def process_records(self, process_records_input):
        for record in process_records_input.records:
            data = record.binary_data
            say(
                'record',
                shard=self.shard,
                key=record.partition_key,
                sequence=record.sequence_number,
                sub=record.sub_sequence_number,
                bytes=len(data),
                data=base64.b64encode(data[:DATA_BYTES_MAX]).decode(),
            )
        if time.monotonic() - self.checkpointed > CHECKPOINT_SECONDS:
            self.checkpointed = time.monotonic()
            self.checkpoint(process_records_input.checkpointer, 'checkpointed')

    def lease_lost(self, lease_lost_input):
        say('lost', shard=self.shard)

    def shard_ended(self, shard_ended_input):
        self.checkpoint(shard_ended_input.checkpointer, 'ended')

    def shutdown_requested(self, shutdown_requested_input):
        self.checkpoint(shutdown_requested_input.checkpointer, 'stopped')

    def checkpoint(self, checkpointer, event):
        try:
            checkpointer.checkpoint()
            say(event, shard=self.shard)
        except kcl.CheckpointError:
            # The lease is another worker's by now, or the table could not be reached: the records come again.
            say('not checkpointed', shard=self.shard)


if __name__ == '__main__':
    kcl.KCLProcess(Processor()).run()
