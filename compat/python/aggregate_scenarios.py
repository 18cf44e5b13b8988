"""Amazon's own Python library for aggregates, aws-kinesis-agg, both ways: what it packs, Millrace's `tail` takes apart;
what Millrace packs, it takes apart. Millrace's programs are given by MILLRACE_TAIL and MILLRACE_AGGREGATE."""
import base64
import gzip
import json
import os
import subprocess

from aws_kinesis_agg.aggregator import RecordAggregator
from aws_kinesis_agg.deaggregator import deaggregate_records

from program import client

kinesis = client()
name = 'agg-aggregates'


def aggregates():
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter('stream_exists').wait(StreamName=name, WaiterConfig={'Delay': 1})
    aggregator = RecordAggregator(max_size=50 * 1024)
    expected = []
    full = []
    for i in range(2000):
        key, data = f'key-{i % 37}', json.dumps({'i': i, 'pad': 'x' * (i % 90)}).encode()
        hash_key = str(2 ** 127 + i) if i % 5 == 0 else None
        expected.append((key, hash_key, json.loads(data)))
        full.append(aggregator.add_user_record(key, data, hash_key))
    full.append(aggregator.clear_and_get())
    packed = [each for each in full if each]
    assert len(packed) > 1
    for each in packed:
        key, hash_key, data = each.get_contents()
        parameters = {'StreamName': name, 'PartitionKey': key, 'Data': data}
        if hash_key is not None:
            parameters['ExplicitHashKey'] = hash_key
        kinesis.put_record(**parameters)
    kinesis.put_record(StreamName=name, PartitionKey='plain', Data=gzip.compress(b'{"i": "packed"}'))
    tail = subprocess.run(
        json.loads(os.environ['MILLRACE_TAIL']) + ['tail', name, '--once', '--json'],
        capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in tail.stdout.splitlines()]
    assert lines[-1]['data'] == {'i': 'packed'} and 'subSequenceNumber' not in lines[-1]
    found = [(each['partitionKey'], each.get('explicitHashKey'), each['data']) for each in lines[:-1]]
    assert found == expected, next((a, b) for a, b in zip(found, expected) if a != b)

    # The other way: records as an event of Lambda holds them, which is what the library reads.
    users = [{'partitionKey': f'k{i % 3}', 'explicitHashKey': str(i), 'data': f'data {i}'} for i in range(100)]
    made = subprocess.run(
        json.loads(os.environ['MILLRACE_AGGREGATE']), input=json.dumps(users), capture_output=True, text=True, check=True)
    kinesis.put_record(StreamName=name, PartitionKey='a', Data=base64.b64decode(made.stdout))
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId='shardId-000000000000', ShardIteratorType='TRIM_HORIZON')['ShardIterator']
    record = kinesis.get_records(ShardIterator=iterator)['Records'][-1]
    event = [{'kinesis': {
        'kinesisSchemaVersion': '1.0',
        'partitionKey': record['PartitionKey'],
        'sequenceNumber': record['SequenceNumber'],
        'data': base64.b64encode(record['Data']).decode(),
        'approximateArrivalTimestamp': record['ApproximateArrivalTimestamp'].timestamp(),
    }}]
    taken = [each['kinesis'] for each in deaggregate_records(event)]
    assert [(each['partitionKey'], base64.b64decode(each['data']).decode()) for each in taken] == [
        (each['partitionKey'], each['data']) for each in users]


scenarios = {'aggregates': aggregates}
