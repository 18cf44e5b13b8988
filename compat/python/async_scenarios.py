"""async-kinesis: its producer and its consumer, as its users have them, on aiobotocore."""
import asyncio
import json
import os
import subprocess

from aiobotocore.session import get_session
from kinesis import Consumer, Producer
from kinesis.processors import KPLJsonProcessor

from program import control, note

session = get_session()
session.register('after-call.kinesis.*', note)
first_shard = 'shardId-000000000000'
keys = [f'key-{i}' for i in range(20)]


async def active(kinesis, name):
    while True:
        answer = await kinesis.describe_stream_summary(StreamName=name)
        if answer['StreamDescriptionSummary']['StreamStatus'] == 'ACTIVE':
            return
        await asyncio.sleep(0.02)


async def put_rounds(name, rounds):
    async with Producer(stream_name=name, session=session) as producer:
        for number in rounds:
            for key in keys:
                await producer.put({'key': key, 'round': number}, partition_key=key)
            await producer.flush()


async def consume(name, count, **options):
    """As many messages as there must be: a consumer of this library ends a loop when it has found nothing for a while."""
    found = []
    async with Consumer(
            stream_name=name, session=session, sleep_time_no_records=0.05, idle_timeout=0.5, **options) as consumer:
        while len(found) < count:
            async for message in consumer:
                found.append(message)
    assert len(found) == count, len(found)
    return found


async def reshard():
    name = 'async-reshard'
    async with session.create_client('kinesis') as kinesis:
        await kinesis.create_stream(StreamName=name, ShardCount=2)
        await active(kinesis, name)
        await put_rounds(name, range(2))
        await kinesis.split_shard(StreamName=name, ShardToSplit=first_shard, NewStartingHashKey=str(2 ** 126))
        await put_rounds(name, range(2, 4))
        await active(kinesis, name)
        await kinesis.merge_shards(
            StreamName=name, ShardToMerge='shardId-000000000003', AdjacentShardToMerge='shardId-000000000001')
        await put_rounds(name, range(4, 6))
        await active(kinesis, name)
        await put_rounds(name, range(6, 8))
    seen = {key: [] for key in keys}
    for message in await consume(name, 8 * len(keys)):
        seen[message['key']].append(message['round'])
    for key, rounds in seen.items():
        assert rounds == list(range(8)), (key, rounds)


async def trouble():
    name = 'async-trouble'
    async with session.create_client('kinesis') as kinesis:
        await kinesis.create_stream(StreamName=name, ShardCount=1)
        await active(kinesis, name)
    control('POST', 'faults', {'fault': 'fail-records', 'stream': name, 'probability': 0.5, 'seed': 1, 'count': 20})
    control('POST', 'faults', {'fault': 'throttle', 'operation': 'PutRecords', 'stream': name, 'count': 1})
    await put_rounds(name, range(5))
    control('POST', 'faults', {'fault': 'throttle', 'operation': 'GetRecords', 'stream': name, 'count': 2})
    control('POST', 'faults', {'fault': 'expire-iterator', 'stream': name, 'count': 1})
    # A record that failed alone is put again behind the others: the library keeps none of the order then.
    found = await consume(name, 5 * len(keys))
    assert sorted((each['key'], each['round']) for each in found) == sorted(
        (key, number) for key in keys for number in range(5))


async def aggregates():
    name = 'async-aggregates'
    async with session.create_client('kinesis') as kinesis:
        await kinesis.create_stream(StreamName=name, ShardCount=1)
        await active(kinesis, name)
    expected = [{'i': i, 'pad': 'x' * (i % 90)} for i in range(3000)]
    async with Producer(stream_name=name, session=session, processor=KPLJsonProcessor()) as producer:
        for each in expected:
            await producer.put(each)
        await producer.flush()
    assert await consume(name, len(expected), processor=KPLJsonProcessor()) == expected
    tail = subprocess.run(
        json.loads(os.environ['MILLRACE_TAIL']) + ['tail', name, '--once', '--json'],
        capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in tail.stdout.splitlines()]
    assert [each['data'] for each in lines] == expected
    assert all('subSequenceNumber' in each for each in lines)


def run(scenario):
    return lambda: asyncio.run(asyncio.wait_for(scenario(), 120))


scenarios = {'reshard': run(reshard), 'trouble': run(trouble), 'aggregates': run(aggregates)}
