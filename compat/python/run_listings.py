"""Runs the listings of documents as they are written: python run_listings.py <document>

A document is one program: its listings share their names, in their order, as somebody who types them in would have it. The
endpoint, the region and the credentials come from the environment alone. What a listing uses and nobody defines is given to
it and said: a module of that name where there is one, `timedelta`, else a function that answers nothing. Streams that are
only named are made before. Afterwards whatever the listing defined and did not call is called once, where all that it must
be given is known by the name of the parameter.

One line of JSON for each listing: how it was read, what was given to it, what was called, what Kinesis answered, and how it
ended. An answer that is no answer of AWS's (5xx, an operation that is not known, a broken connection) is in `broken`.
"""
import ast
import builtins
import importlib.util
import inspect
import json
import re
import signal
import sys
import threading
from collections import Counter

import boto3
import botocore.session
from botocore.exceptions import ClientError, HTTPClientError

from listing_text import listings, names_in

call_seconds = 20
sent_every_seconds = 0.5
stream = 'my-data-stream'
event = {'event_type': 'user_action', 'user_id': 'u1', 'timestamp': '2026-01-02T03:04:05', 'amount': 5}
placeholders = {':region:account:': ':us-east-1:123456789012:', "ShardId='shard_id'": "ShardId='shardId-000000000000'"}
arguments = {
    'stream_name': stream,
    'consumer_name': 'my-consumer',
    'shard_id': 'shardId-000000000000',
    'partition_key': 'k',
    'data': event,
    'record': {'partition_key': 'k', 'event_id': 'e1', **event},
    'records': [{'data': event, 'partition_key': 'k'}],
    'target_shard_count': 4,
    'target_shards': 4,
    'error': ValueError('an error'),
    'payload': dict(event),
    'context': None,
}


class Asked:
    """What Kinesis was asked and what it answered, since the last listing."""

    def __init__(self):
        self.answered, self.refused, self.broken = Counter(), Counter(), Counter()

    def note(self, http_response, parsed, model, **_):
        if model.service_model.service_name != 'kinesis':
            return
        code = parsed.get('Error', {}).get('Code')
        if http_response.status_code >= 500 or code == 'UnknownOperationException':
            self.broken[f'{model.name}: {code}'] += 1
        elif code is None:
            self.answered[model.name] += 1
        else:
            self.refused[f'{model.name}: {code}'] += 1

    def told(self):
        told = {'answered': self.answered, 'refused': self.refused, 'broken': self.broken}
        self.__init__()
        return {name: dict(counts) for name, counts in told.items()}


asked = Asked()


def watch_clients():
    """Every client that boto3 makes tells what it was answered; nothing else of it is changed."""
    session = boto3.DEFAULT_SESSION or boto3.setup_default_session() or boto3.DEFAULT_SESSION
    session.events.register('after-call.kinesis.*', asked.note)


def undefined(source, names):
    used, bound = names_in(ast.parse(source))
    return sorted(name for name in used - bound - set(names) if not hasattr(builtins, name))


def missing_modules(source):
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else (
            [node.module] if isinstance(node, ast.ImportFrom) and node.module else [])
        for name in names:
            if importlib.util.find_spec(name.split('.')[0]) is None:
                yield name.split('.')[0]


def give(name, names):
    if name == 'timedelta':
        from datetime import timedelta
        names[name] = timedelta
        return name
    if importlib.util.find_spec(name) is not None:
        names[name] = importlib.import_module(name)
        return f'module {name}'
    names[name] = lambda *args, **kwargs: args[0] if args else None
    return f'a function {name}'


def timed(call):
    def late(*_):
        raise TimeoutError(f'over {call_seconds} s')

    signal.signal(signal.SIGALRM, late)
    signal.alarm(call_seconds)
    try:
        call()
        return 'done'
    except BaseException as error:  # what a listing does not catch is told, and is its own affair
        return f'{type(error).__name__}: {error}'[:200]
    finally:
        signal.alarm(0)


def known(function):
    """Arguments for all that must be given, or None."""
    given = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name in arguments:
            given[name] = arguments[name]
        elif name == 'consumer_arn':
            given[name] = consumer_arn()
        elif parameter.default is parameter.empty:
            return None
    return given


def drive(names, before):
    """Calls what the listing defined, each once."""
    called = {}
    for name in [each for each in names if names[each] is not before.get(each)]:
        of = names[name]
        if inspect.isclass(of) and of.__module__ == 'listing':
            made = []
            if known(of) is None or timed(lambda: made.append(of(**known(of)))) != 'done':
                continue
            for method, bound in inspect.getmembers(made[0], callable):
                if method.startswith('_') or method not in vars(of) or known(bound) is None:
                    continue
                called[f'{name}.{method}'] = timed(lambda: bound(**known(bound)))
        elif inspect.isfunction(of) and of.__module__ == 'listing' and known(of) is not None:
            called[name] = timed(lambda: of(**known(of)))
    return called


def consumer_arn():
    """A consumer of the stream, for what subscribes."""
    kinesis = botocore.session.get_session().create_client('kinesis')
    arn = kinesis.describe_stream_summary(StreamName=stream)['StreamDescriptionSummary']['StreamARN']
    named = {'StreamARN': arn, 'ConsumerName': 'driven'}
    try:
        kinesis.register_stream_consumer(**named)
    except kinesis.exceptions.ResourceInUseException:
        pass  # registered for an earlier call
    return kinesis.describe_stream_consumer(**named)['ConsumerDescription']['ConsumerARN']


def put_now_and_then():
    """Something for subscriptions to see."""
    kinesis = botocore.session.get_session().create_client('kinesis')

    def put():
        while True:
            try:
                kinesis.put_record(StreamName=stream, Data=json.dumps(event), PartitionKey='k')
            except (ClientError, HTTPClientError):
                pass  # the stream may not be there yet
            threading.Event().wait(sent_every_seconds)

    threading.Thread(target=put, daemon=True).start()


def prepare(text):
    """Makes the streams that the document names and does not make."""
    kinesis = botocore.session.get_session().create_client('kinesis')
    names = set(re.findall(r"StreamName=['\"]([\w.-]+)['\"]", text))
    if 'create_stream(' not in text:
        names.add(stream)
    for name in names:
        kinesis.create_stream(StreamName=name, ShardCount=1)
        kinesis.get_waiter('stream_exists').wait(StreamName=name, WaiterConfig={'Delay': 1})
    return sorted(names)


def main(path):
    with open(path, encoding='utf-8') as file:
        text = file.read()
    found = list(listings(text))
    print(json.dumps({'made': prepare(text)}), file=sys.__stdout__, flush=True)
    watch_clients()
    put_now_and_then()
    names = {'__name__': 'listing'}
    for listing in found:
        told = {'line': listing.line, 'read': 'as written' if listing.written else 'indented again'}
        if listing.source is None:
            told.update(read='not Python', ended=listing.why)
        elif any(missing_modules(listing.source)):
            told['ended'] = f'not run: there is no module {", ".join(sorted(set(missing_modules(listing.source))))}'
        else:
            told['given'] = [give(name, names) for name in undefined(listing.source, names)]
            told.update(run(listing.source, f'{path}:{listing.line}', names))
        told.update(asked.told())
        print(json.dumps(told), file=sys.__stdout__, flush=True)
        filled = listing.source or ''
        for placeholder, value in placeholders.items():
            filled = filled.replace(placeholder, value)
        if 'called' in told and filled != listing.source:
            again = {'line': listing.line, 'read': 'placeholders filled in'}
            again.update(run(filled, f'{path}:{listing.line}', names))
            print(json.dumps({**again, **asked.told()}), file=sys.__stdout__, flush=True)


def run(source, where, names):
    fresh = dict(names)
    try:
        exec(compile(source, where, 'exec'), names)
        ended = 'done'
    except Exception as error:  # told, as a person at a prompt would see it
        ended = f'{type(error).__name__}: {error}'[:200]
    return {'ended': ended, 'called': drive(names, fresh)}


if __name__ == '__main__':
    # What a listing prints is its own affair.
    sys.stdout = sys.stderr
    main(sys.argv[1])
