import { validate } from '@millrace/wire';
import { noBytes } from '../gateway/exchange.js';
import type { BoundOperation, Operation, RequestContext, StreamingOperation } from './operation.js';

/** Called with each request that goes the general way, before it is worked on; throws what is answered instead. */
export type Enter = (operation: string, input: object, context: RequestContext) => void;

/**
 * Binds an operation to the service it works on: its own way from bytes to bytes where it has one and takes the
 * request, else decode → validate → handle → encode.
 */
export function bind<S>(service: S, declared: Operation<S>, enter?: Enter): BoundOperation {
  const { name, input, output } = declared;
  return {
    name,
    input,
    output,
    async run(protocol, body, context) {
      const hot = declared.hot?.(service, protocol, body, context);
      const encoded = hot === undefined ? undefined : await hot;
      if (encoded !== undefined) return encoded;
      const decoded = protocol.decode(input, body);
      validate(input, decoded);
      enter?.(name, decoded, context);
      const answer = await declared.handle(service, decoded, context);
      return output === undefined || answer === undefined ? noBytes : protocol.encode(output, answer);
    },
  };
}

/** Binds an operation whose answer streams: decode → validate → open. */
export function bindStreaming<S>(service: S, declared: StreamingOperation<S>, enter?: Enter): BoundOperation {
  const { name, input, output } = declared;
  return {
    name,
    input,
    output,
    async run(protocol, body, context) {
      const decoded = protocol.decode(input, body);
      validate(input, decoded);
      enter?.(name, decoded, context);
      return declared.open(service, decoded, context, protocol);
    },
  };
}
