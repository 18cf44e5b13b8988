"""boto3 at what is rare and still must hold: the largest record, a thousand shards, an hour in which little comes, a
server that is killed while it is written to."""
import os
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from botocore.exceptions import BotoCoreError, ClientError

from boto3_stream import active, create, first_shard, kinesis, read_shard, refused, texts
from program import client, control

MIB = 1024 * 1024
two_shards = ['shardId-000000000000', 'shardId-000000000001']
crashes = 3
# How much is put between two crashes at least.
rounds_min = 10
# A client gives up after it was refused a few times; the server needs a while on a machine that is busy.
start_seconds_max = 120


def large():
    name = 'boto3-large'
    arn = create(name)['StreamARN']
    put = {'StreamName': name, 'PartitionKey': 'key'}
    # The key counts: a record of a MiB is what a stream takes that was told nothing.
    refused(kinesis.put_record, 'ValidationException', **put, Data=os.urandom(MIB - 2))
    kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=10_240)
    active(name)
    largest = [os.urandom(10 * MIB - 3), os.urandom(10 * MIB - 3)]
    kinesis.put_record(**put, Data=b'before')
    kinesis.put_record(**put, Data=largest[0])
    batch = kinesis.put_records(StreamName=name, Records=[{'PartitionKey': 'key', 'Data': largest[1]}])
    assert batch['FailedRecordCount'] == 0
    kinesis.put_record(**put, Data=b'after')
    refused(kinesis.put_record, 'ValidationException', **put, Data=os.urandom(10 * MIB - 2))
    found, _ = read_shard(name, first_shard)
    assert [each['Data'] for each in found] == [b'before', *largest, b'after'], [len(each['Data']) for each in found]


def thousand_shards():
    name = 'boto3-thousand-shards'
    assert create(name, 1000)['OpenShardCount'] == 1000
    # By hand: the paginator sends name and token together, which Kinesis refuses.
    pages, page = [], {'StreamName': name}
    while page:
        answer = kinesis.list_shards(**page, MaxResults=300)
        pages.append(answer['Shards'])
        page = {'NextToken': answer['NextToken']} if 'NextToken' in answer else None
    assert [len(each) for each in pages] == [300, 300, 300, 100]
    shards = [shard for page in pages for shard in page]
    ids = [shard['ShardId'] for shard in shards]
    assert len(set(ids)) == 1000
    described = kinesis.get_paginator('describe_stream').paginate(StreamName=name)
    assert [each['ShardId'] for page in described for each in page['StreamDescription']['Shards']] == ids
    for half in (shards[:500], shards[500:]):
        answer = kinesis.put_records(StreamName=name, Records=[
            {'PartitionKey': 'k', 'ExplicitHashKey': each['HashKeyRange']['StartingHashKey'], 'Data': each['ShardId']}
            for each in half])
        assert answer['FailedRecordCount'] == 0
        assert [each['ShardId'] for each in answer['Records']] == [each['ShardId'] for each in half]
    for shard in ids:
        found, _ = read_shard(name, shard)
        assert texts(found) == [shard], shard
    kinesis.delete_stream(StreamName=name)


def sparse():
    name = 'boto3-sparse'
    create(name, 2)
    iterators = {shard: kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard, ShardIteratorType='TRIM_HORIZON')['ShardIterator'] for shard in two_shards}
    came = []
    control('POST', 'clock/hold')
    for minute in range(60):
        control('POST', 'clock/advance', {'ms': 60_000})
        kinesis.put_record(
            StreamName=name, PartitionKey='k', ExplicitHashKey='0' if minute % 2 == 0 else str(2 ** 128 - 1),
            Data=str(minute))
        # Each iterator is from the answer before, a minute ago; of two shards one has brought nothing.
        before, deadline = len(came), time.monotonic() + 10
        while len(came) == before:
            assert time.monotonic() < deadline, f'the record of minute {minute} did not come'
            for shard in two_shards:
                page = kinesis.get_records(ShardIterator=iterators[shard])
                iterators[shard] = page['NextShardIterator']
                assert page['MillisBehindLatest'] == 0
                came += page['Records']
    control('POST', 'clock/release')
    assert texts(came) == [str(minute) for minute in range(60)]
    arrivals = [each['ApproximateArrivalTimestamp'] for each in came]
    apart = {later - earlier for earlier, later in zip(arrivals, arrivals[1:])}
    assert apart == {timedelta(minutes=1)}, apart
    # botocore sends whole seconds.
    found, _ = read_shard(name, first_shard, 'AT_TIMESTAMP', Timestamp=arrivals[30].replace(microsecond=0))
    assert texts(found) == [str(minute) for minute in range(30, 60, 2)]


def crash():
    name = 'boto3-crash'
    doomed = client(endpoint_url=os.environ['COMPAT_CRASHING_ENDPOINT'])
    doomed.create_stream(StreamName=name, ShardCount=2)
    while doomed.describe_stream_summary(StreamName=name)['StreamDescriptionSummary']['StreamStatus'] != 'ACTIVE':
        time.sleep(0.02)
    keys = [f'key-{i}' for i in range(20)]
    rounds = 0
    for _ in range(crashes):
        for _ in range(rounds_min):
            put_all(doomed, name, keys, rounds)
            rounds += 1
        with ThreadPoolExecutor() as threads:
            crashing = threads.submit(urllib.request.urlopen, os.environ['COMPAT_CRASH_URL'], data=b'')
            while not crashing.done():
                put_all(doomed, name, keys, rounds)
                rounds += 1
            crashing.result().close()
    came = {key: [] for key in keys}
    for shard in two_shards:
        for record in read_shard(name, shard, kinesis=doomed)[0]:
            came[record['PartitionKey']].append(int(record['Data']))
    for key, numbers in came.items():
        # A put whose answer was lost with the server is made again: twice, and in its place.
        once = [number for i, number in enumerate(numbers) if i == 0 or number != numbers[i - 1]]
        assert once == list(range(rounds)), (key, numbers)


def put_all(to, name, keys, number):
    """One record of each key, again until all are acknowledged."""
    left, deadline = keys, time.monotonic() + start_seconds_max
    while left:
        try:
            answer = to.put_records(
                StreamName=name, Records=[{'PartitionKey': key, 'Data': str(number)} for key in left])
        except (BotoCoreError, ClientError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.25)
            continue
        left = [key for key, result in zip(left, answer['Records']) if 'ErrorCode' in result]


scenarios = {'large': large, 'thousand-shards': thousand_shards, 'sparse': sparse, 'crash': crash}
