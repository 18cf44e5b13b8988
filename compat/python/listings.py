"""What the listings of tutorials about Kinesis do: the same calls in the same order with the same parameters, and then a
look whether what the listing promises has come true. Where a listing has a placeholder (`shard_id`, `region:account`)
it is first sent as it is written, and must be refused in AWS's words, and then filled in."""
import json
import random
import threading
import time
from datetime import datetime

from botocore.exceptions import ClientError

from program import client, control

kinesis = client()
poll_seconds = 0.05


def describe_until_active(name):
    """The loop that every listing has around DescribeStream."""
    while True:
        status = kinesis.describe_stream(StreamName=name)['StreamDescription']['StreamStatus']
        if status == 'ACTIVE':
            return
        assert status in ('CREATING', 'UPDATING'), status
        time.sleep(poll_seconds)


def create(name, **how):
    kinesis.create_stream(StreamName=name, **(how or {'ShardCount': 1}))
    describe_until_active(name)


def read_all(name, kind='TRIM_HORIZON'):
    """DescribeStream for the shards, and of each one page."""
    found = []
    for shard in kinesis.describe_stream(StreamName=name)['StreamDescription']['Shards']:
        iterator = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard['ShardId'], ShardIteratorType=kind)['ShardIterator']
        for record in kinesis.get_records(ShardIterator=iterator)['Records']:
            found.append({
                'sequence_number': record['SequenceNumber'],
                'partition_key': record['PartitionKey'],
                'data': record['Data'].decode('utf-8'),
                'approximate_arrival_timestamp': record['ApproximateArrivalTimestamp'],
                'shard_id': shard['ShardId'],
            })
    return found


def refusal(call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        return error.response['Error']['Code']
    return None


def first_put():
    create('your_stream_name')
    response = kinesis.put_record(
        StreamName='your_stream_name', Data=json.dumps({'key': 'value'}), PartitionKey='partition_key')
    print(response)
    assert response['ResponseMetadata']['HTTPStatusCode'] == 200
    assert [json.loads(each['data']) for each in read_all('your_stream_name')] == [{'key': 'value'}]
    kinesis.delete_stream(StreamName='your_stream_name')
    kinesis.get_waiter('stream_not_exists').wait(StreamName='your_stream_name', WaiterConfig={'Delay': 1})


def first_read():
    create('your_stream_name')
    how = {'StreamName': 'your_stream_name', 'ShardIteratorType': 'LATEST'}
    assert refusal(kinesis.get_shard_iterator, ShardId='shard_id', **how) == 'ResourceNotFoundException'
    iterator = kinesis.get_shard_iterator(ShardId='shardId-000000000000', **how)['ShardIterator']
    for i in range(12):
        kinesis.put_record(StreamName='your_stream_name', Data=str(i), PartitionKey='k')
    records = kinesis.get_records(ShardIterator=iterator, Limit=10)['Records']
    assert [record['Data'] for record in records] == [str(i).encode() for i in range(10)]


def stream_manager():
    create('my-data-stream', ShardCount=2)
    create('my-on-demand-stream', StreamModeDetails={'StreamMode': 'ON_DEMAND'})
    click = {'user_id': 'user123', 'event_type': 'click', 'timestamp': datetime.utcnow().isoformat(), 'page': 'homepage'}
    put = kinesis.put_record(StreamName='my-data-stream', Data=json.dumps(click), PartitionKey='user123')
    assert set(put) >= {'ShardId', 'SequenceNumber'}
    events = [
        {'user_id': 'user124', 'event_type': 'view', 'timestamp': datetime.utcnow().isoformat(), 'page': 'product'},
        {'user_id': 'user125', 'event_type': 'purchase', 'timestamp': datetime.utcnow().isoformat(), 'amount': 99.99},
    ]
    answer = kinesis.put_records(
        Records=[{'Data': json.dumps(event), 'PartitionKey': event['user_id']} for event in events],
        StreamName='my-data-stream')
    assert answer['FailedRecordCount'] == 0
    assert not [each for each in answer['Records'] if 'ErrorCode' in each]
    found = read_all('my-data-stream')
    assert sorted(each['partition_key'] for each in found) == ['user123', 'user124', 'user125']
    assert {each['shard_id'] for each in found} <= {'shardId-000000000000', 'shardId-000000000001'}
    assert put['SequenceNumber'] in [each['sequence_number'] for each in found]


def buffered_producer():
    """Hands records to a buffer; a thread, or a full buffer, puts them; what failed is put back into the buffer."""
    name = 'listing-buffered-producer'
    create(name, ShardCount=2)
    control('POST', 'faults', {'fault': 'fail-records', 'stream': name, 'probability': 0.1, 'seed': 7, 'count': 40})
    lock = threading.Lock()
    buffer = []
    running = True
    failures = 0

    def flush():
        nonlocal failures
        with lock:
            batch = buffer[:]
            buffer.clear()
        if not batch:
            return
        records = [{'Data': json.dumps(data), 'PartitionKey': key} for data, key in batch]
        answer = kinesis.put_records(Records=records, StreamName=name)
        failed = [batch[i] for i, each in enumerate(answer['Records']) if 'ErrorCode' in each]
        assert len(failed) == answer['FailedRecordCount']
        failures += len(failed)
        with lock:
            buffer.extend(failed)

    def flush_now_and_then():
        while running:
            time.sleep(poll_seconds)
            flush()

    thread = threading.Thread(target=flush_now_and_then, daemon=True)
    thread.start()
    for i in range(1000):
        event = {
            'event_id': f'event_{i}',
            'user_id': f'user_{random.randint(1, 100)}',
            'event_type': random.choice(['click', 'view', 'purchase', 'scroll']),
            'timestamp': datetime.utcnow().isoformat(),
            'metadata': {'session_id': f'session_{random.randint(1, 20)}', 'device': 'mobile'},
        }
        # The listing's own sort of aggregation: a document with a list of records in it.
        aggregated = {'records': [event], 'aggregated': True, 'created_at': datetime.utcnow().isoformat()}
        with lock:
            buffer.append((aggregated, event['user_id']))
            full = len(buffer) >= 100
        if full:
            flush()
    running = False
    thread.join()
    while buffer:
        flush()
    assert failures == 40, failures
    seen = [json.loads(each['data'])['records'][0]['event_id'] for each in read_all(name)]
    assert sorted(seen) == sorted(f'event_{i}' for i in range(1000)), len(seen)


def register_or_find(stream, consumer, arn):
    try:
        return kinesis.register_stream_consumer(StreamARN=arn, ConsumerName=consumer)['Consumer']['ConsumerARN']
    except kinesis.exceptions.ResourceInUseException:
        return kinesis.describe_stream_consumer(
            StreamARN=arn, ConsumerName=consumer)['ConsumerDescription']['ConsumerARN']


def fan_out_manager():
    name = 'listing-fan-out-manager'
    create(name)
    as_written = f'arn:aws:kinesis:region:account:stream/{name}'
    refused = refusal(kinesis.register_stream_consumer, StreamARN=as_written, ConsumerName='analytics')
    assert refused in ('ValidationException', 'InvalidArgumentException'), refused
    arn = kinesis.describe_stream(StreamName=name)['StreamDescription']['StreamARN']
    first = register_or_find(name, 'analytics', arn)
    assert first.startswith(f'{arn}/consumer/analytics:'), first
    assert register_or_find(name, 'analytics', arn) == first


def consumer_manager():
    create_if_missing('my-data-stream')
    consumer_arn = kinesis.register_stream_consumer(
        StreamARN='arn:aws:kinesis:us-east-1:123456789012:stream/my-data-stream',
        ConsumerName='analytics-consumer')['Consumer']['ConsumerARN']
    while kinesis.describe_stream_consumer(
            ConsumerARN=consumer_arn)['ConsumerDescription']['ConsumerStatus'] != 'ACTIVE':
        time.sleep(poll_seconds)
    response = kinesis.subscribe_to_shard(
        ConsumerARN=consumer_arn, ShardId='shardId-000000000000', StartingPosition={'Type': 'LATEST'})
    expected = [{'i': i} for i in range(20)]
    for each in expected:
        kinesis.put_record(
            StreamName='my-data-stream', Data=json.dumps(each), PartitionKey='k', ExplicitHashKey='0')
    seen = []
    for event in response['EventStream']:
        if 'SubscribeToShardEvent' not in event:
            continue
        for record in event['SubscribeToShardEvent']['Records']:
            seen.append(json.loads(record['Data'].decode('utf-8')))
            print(record['SequenceNumber'], record['ApproximateArrivalTimestamp'])
        if len(seen) >= len(expected):
            break
    response['EventStream'].close()
    assert seen == expected, seen
    kinesis.deregister_stream_consumer(ConsumerARN=consumer_arn)


def create_if_missing(name):
    if name not in kinesis.list_streams()['StreamNames']:
        create(name)


def retry_stream():
    create('retry-stream')
    record = {'event_id': 'e1', 'partition_key': 'user9'}
    for attempt in (1, 2, 3):
        record.update(retry_count=attempt, last_error='boom', retry_timestamp=datetime.utcnow().isoformat())
        kinesis.put_record(
            StreamName='retry-stream', Data=json.dumps(record), PartitionKey=record.get('partition_key', 'retry'))
    counts = [json.loads(each['data'])['retry_count'] for each in read_all('retry-stream')]
    assert counts == [1, 2, 3], counts


def auto_scaling():
    name = 'listing-auto-scaling'
    create(name, ShardCount=2)
    current = len(kinesis.describe_stream(StreamName=name)['StreamDescription']['Shards'])
    target = max(max(1, current // 2), min(int(5000 / 1000) + 1, current * 2))
    assert (current, target) == (2, 4)
    answer = kinesis.update_shard_count(
        StreamName=name, TargetShardCount=target, ScalingType='UNIFORM_SCALING')
    assert (answer['CurrentShardCount'], answer['TargetShardCount']) == (2, 4)
    describe_until_active(name)
    shards = kinesis.list_shards(StreamName=name)['Shards']
    ranges = sorted(
        (int(each['HashKeyRange']['StartingHashKey']), int(each['HashKeyRange']['EndingHashKey']))
        for each in shards if 'EndingSequenceNumber' not in each['SequenceNumberRange'])
    assert len(ranges) == 4 and ranges[0][0] == 0 and ranges[-1][1] == 2 ** 128 - 1, ranges
    assert all(ranges[i][1] + 1 == ranges[i + 1][0] for i in range(3)), ranges


def cost_survey():
    create_if_missing('listing-cost-survey')
    recommendations = {}
    for name in kinesis.list_streams()['StreamNames']:
        described = kinesis.describe_stream(StreamName=name)['StreamDescription']
        recommendations[name] = (
            len(described['Shards']), described['RetentionPeriodHours'], described.get('EncryptionType') == 'KMS')
    assert recommendations['listing-cost-survey'] == (1, 24, False), recommendations


scenarios = {
    'listing-first-put': first_put,
    'listing-first-read': first_read,
    'listing-stream-manager': stream_manager,
    'listing-buffered-producer': buffered_producer,
    'listing-fan-out-manager': fan_out_manager,
    'listing-consumer-manager': consumer_manager,
    'listing-retry-stream': retry_stream,
    'listing-auto-scaling': auto_scaling,
    'listing-cost-survey': cost_survey,
}
