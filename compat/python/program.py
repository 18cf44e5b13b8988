"""Runs scenarios with what Python programs use: python program.py <module> <scenario>...

Each line of output is the result of one scenario, in JSON. Nothing is set in the clients: endpoint, region and
credentials come from the environment, as they would in anybody's program.
"""
import importlib
import json
import os
import sys
import traceback
import urllib.request

called = set()


def client(**options):
    """A boto3 client that notes which operations were answered well."""
    import boto3  # not every client here is made of it
    kinesis = boto3.client('kinesis', **options)
    kinesis.meta.events.register('after-call.kinesis.*', note)
    return kinesis


def note(http_response, model, **_):
    """What botocore tells after each call, to whom it is registered with."""
    if http_response.status_code == 200:
        called.add(model.name)


def control(method, path, body=None):
    """Millrace's own controls, as a tester uses them with curl."""
    request = urllib.request.Request(
        os.environ['AWS_ENDPOINT_URL'] + '/_millrace/' + path,
        method=method,
        data=None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def main(module_name, names):
    module = importlib.import_module(module_name)
    for name in names:
        called.clear()
        result = {'scenario': name, 'passed': True}
        try:
            module.scenarios[name]()
        except BaseException:  # a scenario that calls exit has failed too
            result.update(passed=False, error=traceback.format_exc().strip())
        operations = sorted(called) if result['passed'] else []
        print(json.dumps({**result, 'operations': operations}), file=sys.__stdout__, flush=True)


if __name__ == '__main__':
    # The scenarios import this module by its name and must find the same one.
    sys.modules['program'] = sys.modules['__main__']
    # What a listing prints is its own affair.
    sys.stdout = sys.stderr
    main(sys.argv[1], sys.argv[2:])
