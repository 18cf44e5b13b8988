/** The server as the commands see it. */
export interface ServerOptions {
  readonly host?: string;
  readonly port: number;
  readonly portFallback?: boolean;
  readonly insecure?: boolean;
  readonly ephemeral?: boolean;
  readonly dataDir?: string;
  readonly create?: readonly StreamToCreate[];
  readonly log?: 'text' | 'json' | 'none';
}

export interface StreamToCreate {
  readonly name: string;
  readonly shards: number;
}

export interface RunningServer {
  readonly endpoint: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Until the server package is there: a Kinesis that runs already. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const endpoint = `http://127.0.0.1:${options.port}`;
  setInterval(() => undefined, 60_000);
  return { endpoint, port: options.port, close: async () => undefined };
}
