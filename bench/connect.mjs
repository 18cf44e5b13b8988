/** The two clients behind one door: each connection has `send(request)` and `close()`. */
import { Http1Connection } from './http1-connection.mjs';
import { Http2Connection } from './http2-connection.mjs';

/** @param protocol `http1` or `h2c` */
export function connect(protocol, port) {
  return protocol === 'h2c' ? Http2Connection.connect(port) : Http1Connection.connect(port);
}
