import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { kib, mib } from '@millrace/base';
import { Reception } from './reception.js';

function turns(): { reception: Reception; next: () => void } {
  const runs: (() => void)[] = [];
  const reception = new Reception((run) => runs.push(run));
  return {
    reception,
    next: () => {
      for (const run of runs.splice(0)) run();
    },
  };
}

describe('reception', () => {
  it('lets half a MiB in in a turn, whoever brings it, and wakes those that rest in the next one', () => {
    const { reception, next } = turns();
    const woken: string[] = [];
    const sockets = { a: { pause: () => {} }, b: { pause: () => {} } };
    const take = (who: 'a' | 'b'): boolean => {
      reception.took(64 * kib, sockets[who], () => woken.push(who));
      return !reception.rests(sockets[who]);
    };
    for (let i = 0; i < 7; i++) assert.equal(take(i % 2 === 0 ? 'a' : 'b'), true);
    assert.equal(take('a'), false);
    assert.equal(take('b'), false);
    assert.deepEqual(woken, []);
    next();
    assert.deepEqual(woken, ['a', 'b']);
    assert.equal(take('a'), true, 'a new turn');
    next();
    assert.deepEqual(woken, ['a', 'b'], 'each is woken once');
  });

  it('does not count what is small', () => {
    const { reception } = turns();
    const never = (): never => assert.fail('it was paused, or woken');
    for (let i = 0; i < 1000; i++) reception.took(10 * kib, { pause: never }, never);
  });

  it('stops Node from reading on: a paused socket has brought one piece more at the most', async () => {
    const bytes = 16 * mib;
    const reception = new Reception();
    let inTurn = 0;
    let most = 0;
    let received = 0;
    const server = createServer((socket: Socket) => {
      socket.on('data', (chunk) => {
        if (inTurn === 0)
          setImmediate(() => {
            most = Math.max(most, inTurn);
            inTurn = 0;
          });
        inTurn += chunk.length;
        received += chunk.length;
        reception.took(chunk.length, socket, () => socket.resume());
      });
      socket.on('end', () => socket.end());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const client = connect(address.port, '127.0.0.1');
    client.resume();
    client.end(Buffer.alloc(bytes));
    await new Promise((resolve) => client.once('close', resolve));
    await new Promise((resolve) => server.close(resolve));
    assert.equal(received, bytes);
    assert.ok(most <= 640 * kib, `${most} bytes in one turn`);
  });
});
