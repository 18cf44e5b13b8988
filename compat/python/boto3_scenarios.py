"""boto3, as its users have it."""
import json
import os
import re
import time

import boto3_extremes
import listings
from boto3_stream import active, create, first_shard, kinesis, read_shard, refused, texts
from program import client, control


def life():
    name = 'boto3-life'
    summary = create(name, 3)
    assert summary['OpenShardCount'] == 3
    assert re.fullmatch(r'arn:aws:kinesis:us-east-1:\d{12}:stream/boto3-life', summary['StreamARN'])
    assert len(kinesis.describe_stream(StreamName=name)['StreamDescription']['Shards']) == 3
    assert name in [each for page in kinesis.get_paginator('list_streams').paginate() for each in page['StreamNames']]
    message = refused(kinesis.create_stream, 'ResourceInUseException', StreamName=name, ShardCount=1)
    assert re.fullmatch(r'Stream boto3-life under account \d{12} already exists\.', message), message
    # boto3 itself lets a bad name through and leaves it to the service.
    message = refused(kinesis.create_stream, 'ValidationException', StreamName='not a name', ShardCount=1)
    assert message.startswith("1 validation error detected: Value 'not a name' at 'streamName' failed"), message
    kinesis.delete_stream(StreamName=name)
    kinesis.get_waiter('stream_not_exists').wait(StreamName=name, WaiterConfig={'Delay': 1})
    refused(kinesis.describe_stream_summary, 'ResourceNotFoundException', StreamName=name)


def records():
    name = 'boto3-records'
    create(name, 2)
    binary, large = os.urandom(1024), os.urandom(1024 * 1024 - 1)
    first = kinesis.put_record(StreamName=name, PartitionKey='a', ExplicitHashKey='0', Data=binary)
    assert first['ShardId'] == first_shard
    kinesis.put_record(StreamName=name, PartitionKey='a', ExplicitHashKey='0', Data=large)
    batch = kinesis.put_records(StreamName=name, Records=[
        {'PartitionKey': f'k{i}', 'ExplicitHashKey': '0', 'Data': str(i)} for i in range(500)])
    assert batch['FailedRecordCount'] == 0
    found, _ = read_shard(name, first_shard)
    assert [each['Data'] for each in found[:2]] == [binary, large]
    assert texts(found[2:]) == [str(i) for i in range(500)]
    number = batch['Records'][100]['SequenceNumber']
    for kind, expected in (('AT_SEQUENCE_NUMBER', 100), ('AFTER_SEQUENCE_NUMBER', 101)):
        later, _ = read_shard(name, first_shard, kind, StartingSequenceNumber=number)
        assert texts(later) == [str(i) for i in range(expected, 500)], kind
    # botocore sends whole seconds.
    moment = found[2]['ApproximateArrivalTimestamp'].replace(microsecond=0)
    later, _ = read_shard(name, first_shard, 'AT_TIMESTAMP', Timestamp=moment)
    assert later and all(each['ApproximateArrivalTimestamp'] >= moment for each in later)
    latest = kinesis.get_shard_iterator(
        StreamName=name, ShardId=first_shard, ShardIteratorType='LATEST')['ShardIterator']
    kinesis.put_record(StreamName=name, PartitionKey='z', ExplicitHashKey='0', Data=b'new')
    assert texts(kinesis.get_records(ShardIterator=latest)['Records']) == ['new']


def reshard():
    name = 'boto3-reshard'
    create(name, 2)
    keys = [f'key-{i}' for i in range(50)]

    def put(number):
        answer = kinesis.put_records(
            StreamName=name, Records=[{'PartitionKey': key, 'Data': str(number)} for key in keys])
        assert answer['FailedRecordCount'] == 0

    put(0)
    kinesis.split_shard(StreamName=name, ShardToSplit=first_shard, NewStartingHashKey=str(2 ** 126))
    put(1)
    active(name)
    put(2)
    kinesis.merge_shards(
        StreamName=name, ShardToMerge='shardId-000000000003', AdjacentShardToMerge='shardId-000000000001')
    put(3)
    active(name)
    put(4)
    shards = [each for page in kinesis.get_paginator('list_shards').paginate(StreamName=name) for each in page['Shards']]
    assert len(shards) == 5
    merged = shards[4]
    assert merged['ParentShardId'] == 'shardId-000000000003'
    assert merged['AdjacentParentShardId'] == 'shardId-000000000001'
    seen = {key: [] for key in keys}
    for shard in shards:
        found, children = read_shard(name, shard['ShardId'])
        for record in found:
            seen[record['PartitionKey']].append(record['Data'].decode())
        closed = 'EndingSequenceNumber' in shard['SequenceNumberRange']
        assert (children is not None) == closed, shard
        assert all(shard['ShardId'] in child['ParentShards'] for child in children or [])
    assert all(values == ['0', '1', '2', '3', '4'] for values in seen.values()), seen


def names():
    name = 'boto3-names'
    arn = create(name)['StreamARN']
    kinesis.put_record(StreamARN=arn, PartitionKey='k', Data=b'x')
    assert kinesis.describe_stream_summary(StreamARN=arn)['StreamDescriptionSummary']['StreamName'] == name
    for elsewhere in (
            client(region_name='eu-west-1'),
            client(aws_access_key_id='111122223333', aws_secret_access_key='x')):
        assert elsewhere.list_streams()['StreamNames'] == []
        refused(elsewhere.describe_stream_summary, 'ResourceNotFoundException', StreamName=name)


def trouble():
    name = 'boto3-trouble'
    create(name)
    for fault in ('throttle', 'internal-error', 'drop-answer'):
        control('POST', 'faults', {'fault': fault, 'operation': 'PutRecord', 'stream': name, 'count': 1})
        kinesis.put_record(StreamName=name, PartitionKey='k', Data=fault)
    # What was lost on its way back is put again: at least once is what AWS promises too.
    found, _ = read_shard(name, first_shard)
    assert texts(found) == ['throttle', 'internal-error', 'drop-answer', 'drop-answer'], texts(found)
    control('POST', 'faults', {'fault': 'fail-records', 'stream': name, 'probability': 0.5, 'seed': 1, 'count': 5})
    batch = [{'PartitionKey': 'k', 'Data': str(i)} for i in range(20)]
    answer = kinesis.put_records(StreamName=name, Records=batch)
    assert answer['FailedRecordCount'] == 5, answer
    again = [record for record, result in zip(batch, answer['Records']) if 'ErrorCode' in result]
    assert {each.get('ErrorCode') for each in answer['Records']} == {None, 'ProvisionedThroughputExceededException'}
    assert kinesis.put_records(StreamName=name, Records=again)['FailedRecordCount'] == 0
    found, _ = read_shard(name, first_shard)
    assert sorted(map(int, texts(found[4:]))) == list(range(20))


def expiry():
    name = 'boto3-expiry'
    create(name)
    number = kinesis.put_record(StreamName=name, PartitionKey='k', Data=b'0')['SequenceNumber']
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=first_shard, ShardIteratorType='TRIM_HORIZON')['ShardIterator']
    control('POST', 'clock/advance', {'ms': 300_001})
    message = refused(kinesis.get_records, 'ExpiredIteratorException', ShardIterator=iterator)
    assert re.match(r'Iterator expired\. The iterator was created at time .* 300000 milliseconds\.', message), message
    kinesis.put_record(StreamName=name, PartitionKey='k', Data=b'1')
    found, _ = read_shard(name, first_shard, 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber=number)
    assert texts(found) == ['1']


def distribution():
    name = 'boto3-distribution'
    kinesis.create_stream(StreamName=name, StreamModeDetails={'StreamMode': 'ON_DEMAND'})
    arn = active(name)['StreamARN']
    kinesis.update_stream_record_distribution_strategy(StreamARN=arn, RecordDistributionStrategy='AUTO')
    assert active(name)['RecordDistributionStrategy'] == 'AUTO'
    # The stream spreads them by itself: no key is asked for.
    spread = kinesis.put_records(StreamName=name, Records=[{'Data': b'x'} for _ in range(100)])
    assert len({record['ShardId'] for record in spread['Records']}) == 4


def settings():
    name = 'boto3-settings'
    arn = create(name, 2)['StreamARN']

    kinesis.add_tags_to_stream(StreamName=name, Tags={'team': 'a', 'cost': '7'})
    kinesis.remove_tags_from_stream(StreamName=name, TagKeys=['cost'])
    assert kinesis.list_tags_for_stream(StreamName=name)['Tags'] == [{'Key': 'team', 'Value': 'a'}]
    kinesis.tag_resource(ResourceARN=arn, Tags={'stage': 'test'})
    kinesis.untag_resource(ResourceARN=arn, TagKeys=['team'])
    assert kinesis.list_tags_for_resource(ResourceARN=arn)['Tags'] == [{'Key': 'stage', 'Value': 'test'}]

    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=48)
    assert active(name)['RetentionPeriodHours'] == 48
    kinesis.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=24)
    assert active(name)['RetentionPeriodHours'] == 24

    metrics = kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=['IncomingBytes'])
    assert metrics['DesiredShardLevelMetrics'] == ['IncomingBytes']
    active(name)
    kinesis.disable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=['ALL'])
    active(name)

    answer = kinesis.update_shard_count(StreamName=name, TargetShardCount=4, ScalingType='UNIFORM_SCALING')
    assert (answer['CurrentShardCount'], answer['TargetShardCount']) == (2, 4)
    assert active(name)['OpenShardCount'] == 4
    refused(kinesis.update_shard_count, 'LimitExceededException',
            StreamName=name, TargetShardCount=100, ScalingType='UNIFORM_SCALING')

    policy = ('{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},'
              f'"Action":"kinesis:PutRecord","Resource":"{arn}"}}]}}')
    kinesis.put_resource_policy(ResourceARN=arn, Policy=policy)
    assert json.loads(kinesis.get_resource_policy(ResourceARN=arn)['Policy']) == json.loads(policy)
    kinesis.delete_resource_policy(ResourceARN=arn)

    kinesis.start_stream_encryption(StreamName=name, EncryptionType='KMS', KeyId='alias/aws/kinesis')
    assert active(name)['EncryptionType'] == 'KMS'
    put = kinesis.put_record(StreamName=name, PartitionKey='k', Data=b'secret')
    assert put['EncryptionType'] == 'KMS'
    kinesis.stop_stream_encryption(StreamName=name, EncryptionType='KMS', KeyId='alias/aws/kinesis')
    assert active(name)['EncryptionType'] == 'NONE'

    kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=2048)
    assert active(name)['MaxRecordSizeInKiB'] == 2048
    kinesis.put_record(StreamName=name, PartitionKey='k', Data=os.urandom(1536 * 1024))

    kinesis.update_account_settings(MinimumThroughputBillingCommitment={'Status': 'ENABLED'})
    commitment = kinesis.describe_account_settings()['MinimumThroughputBillingCommitment']
    assert commitment['Status'] == 'ENABLED'

    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={'StreamMode': 'ON_DEMAND'})
    assert active(name)['StreamModeDetails']['StreamMode'] == 'ON_DEMAND'
    warm = kinesis.update_stream_warm_throughput(StreamARN=arn, WarmThroughputMiBps=8)['WarmThroughput']
    assert warm['TargetMiBps'] == 8
    active(name)
    limits = kinesis.describe_limits()
    assert limits['ShardLimit'] > 0 and limits['OnDemandStreamCount'] >= 1


def fan_out():
    name = 'boto3-fan-out'
    arn = create(name)['StreamARN']
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName='reader')['Consumer']
    while kinesis.describe_stream_consumer(
            ConsumerARN=consumer['ConsumerARN'])['ConsumerDescription']['ConsumerStatus'] != 'ACTIVE':
        time.sleep(0.02)
    listed = kinesis.get_paginator('list_stream_consumers').paginate(StreamARN=arn)
    assert [each['ConsumerName'] for page in listed for each in page['Consumers']] == ['reader']
    for i in range(10):
        kinesis.put_record(StreamName=name, PartitionKey='k', Data=str(i))
    subscription = kinesis.subscribe_to_shard(
        ConsumerARN=consumer['ConsumerARN'], ShardId=first_shard, StartingPosition={'Type': 'TRIM_HORIZON'})
    found, continuation = [], None
    for event in subscription['EventStream']:
        found += event['SubscribeToShardEvent']['Records']
        continuation = event['SubscribeToShardEvent']['ContinuationSequenceNumber']
        if len(found) == 10:
            break
    subscription['EventStream'].close()
    assert texts(found) == [str(i) for i in range(10)]
    assert continuation
    kinesis.deregister_stream_consumer(ConsumerARN=consumer['ConsumerARN'])
    while True:
        try:
            kinesis.describe_stream_consumer(ConsumerARN=consumer['ConsumerARN'])
        except kinesis.exceptions.ResourceNotFoundException:
            return
        time.sleep(0.02)


def tls():
    name = 'boto3-tls'
    secured = client(endpoint_url=os.environ['COMPAT_TLS_ENDPOINT'])
    secured.create_stream(StreamName=name, ShardCount=1)
    active(name)
    secured.put_record(StreamName=name, PartitionKey='k', Data=b'secret')
    iterator = secured.get_shard_iterator(
        StreamName=name, ShardId=first_shard, ShardIteratorType='TRIM_HORIZON')['ShardIterator']
    assert texts(secured.get_records(ShardIterator=iterator)['Records']) == ['secret']


scenarios = {
    'life': life,
    'records': records,
    'reshard': reshard,
    'names': names,
    'trouble': trouble,
    'expiry': expiry,
    'settings': settings,
    'distribution': distribution,
    'fan-out': fan_out,
    'tls': tls,
    **boto3_extremes.scenarios,
    **listings.scenarios,
}
