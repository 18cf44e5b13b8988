"""What the scenarios of boto3 do with a stream before they ask what they are there for."""
import time

from botocore.exceptions import ClientError

from program import client

kinesis = client()
first_shard = 'shardId-000000000000'


def active(name):
    kinesis.get_waiter('stream_exists').wait(StreamName=name, WaiterConfig={'Delay': 1})
    while True:
        summary = kinesis.describe_stream_summary(StreamName=name)['StreamDescriptionSummary']
        if summary['StreamStatus'] == 'ACTIVE':
            return summary
        time.sleep(0.02)


def create(name, shards=1):
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    return active(name)


def refused(call, code, **parameters):
    """The message of the refusal that must come."""
    try:
        call(**parameters)
    except ClientError as error:
        assert error.response['Error']['Code'] == code, error
        return error.response['Error']['Message']
    raise AssertionError(f'no {code}')


def read_shard(name, shard, kind='TRIM_HORIZON', kinesis=kinesis, **position):
    """The records of a shard to its end, or up to the latest, and its children at its end."""
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard, ShardIteratorType=kind, **position)['ShardIterator']
    records = []
    while True:
        page = kinesis.get_records(ShardIterator=iterator)
        records += page['Records']
        if 'NextShardIterator' not in page:
            return records, page['ChildShards']
        assert 'ChildShards' not in page, 'children only at the end'
        iterator = page['NextShardIterator']
        if page['MillisBehindLatest'] == 0:
            return records, None


def texts(records):
    return [record['Data'].decode() for record in records]
